"""The fake server notices what a correct client never sends."""

import numpy as np
import pytest
from fake_server import FakeServer
from tokenizers import Tokenizer
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from checkpoints import LABELS

REVISION = "a" * 64
IDS = [[2, 9, 3], [2, 7, 0]]
MASK = [[1, 1, 1], [1, 1, 0]]


@pytest.fixture(scope="module")
def document(read_tokenizer):
    return read_tokenizer("bert")


@pytest.fixture
def server(document):
    with FakeServer(tokenizer_json=document, labels=LABELS, max_length=12) as running:
        yield running


@pytest.fixture
def triton(server):
    with InferenceServerClient(server.url) as connected:
        yield connected


def tensor(name, values, *, datatype="INT64"):
    array = np.asarray(values, dtype=datatype.lower())
    built = InferInput(name, list(array.shape), datatype)
    built.set_data_from_numpy(array)
    return built


def rows(ids=IDS, mask=MASK):
    return [tensor("input_ids", ids), tensor("attention_mask", mask)]


def half(inputs):
    inputs[0]._raw_content = inputs[0]._get_content()[:-8]
    return inputs


def infer(triton, inputs, *, model="emotion", **options):
    given = {"client_timeout": 5.0, "parameters": {"revision": REVISION}, **options}
    return triton.infer(model, inputs, **given)


BAD_INPUTS = [
    pytest.param(rows()[:1], "with 1 contents", id="one-input"),
    pytest.param([rows()[0], tensor("mask", MASK)], "'mask'", id="unknown-input"),
    pytest.param([tensor("input_ids", IDS, datatype="INT32"), rows()[1]], "INT32", id="int32"),
    pytest.param(rows([2, 9], [1, 1]), r"INT64 \[2\]", id="rank-1"),
    pytest.param(half(rows()), r"40 bytes for the shape \[2, 3\]", id="too-few-bytes"),
    pytest.param(rows([[2, 3]]), r"shape \(1, 2\), attention_mask \(2, 3\)", id="other-shapes"),
    pytest.param(rows([[2]] * 65, [[1]] * 65), r"shape \(65, 1\)", id="65-rows"),
    pytest.param(rows(np.ones((0, 3)), np.ones((0, 3))), r"shape \(0, 3\)", id="no-rows"),
    pytest.param(rows(np.ones((1, 0)), np.ones((1, 0))), r"shape \(1, 0\)", id="no-tokens"),
    pytest.param(rows([[2] * 13], [[1] * 13]), r"shape \(1, 13\)", id="too-long"),
    pytest.param(rows([[2, 3]], [[0, 1]]), "row 0: ", id="left-padded"),
    pytest.param(rows([[2, 5, 3]], [[1, 0, 1]]), "row 0: ", id="hole"),
    pytest.param(rows([[2, 3]], [[1, 2]]), "row 0: ", id="mask-of-2"),
    pytest.param(rows([[2, 3]] * 2, [[1, 1], [0, 0]]), "row 1: ", id="empty-row"),
    pytest.param(rows([[2, -1]], [[1, 1]]), "ids from -1 to 2", id="negative-id"),
]
BAD_OPTIONS = [
    pytest.param({"parameters": {}}, "revision is missing", id="no-revision"),
    pytest.param({"parameters": {"revision": 7}}, "not a string", id="revision-is-a-number"),
    pytest.param({"client_timeout": None}, "no deadline", id="no-deadline"),
    pytest.param({"outputs": [InferRequestedOutput("nope")]}, "'nope'", id="unknown-output"),
    pytest.param({"model": "emotion_info"}, "the inputs are", id="inputs-to-emotion-info"),
]


@pytest.mark.parametrize(("inputs", "sentence"), BAD_INPUTS)
def test_bad_inputs_are_a_violation(inputs, sentence, server, triton):
    expect_violation(server, triton, inputs, sentence)


@pytest.mark.parametrize(("options", "sentence"), BAD_OPTIONS)
def test_bad_options_are_a_violation(options, sentence, server, triton):
    expect_violation(server, triton, rows(), sentence, **options)


def expect_violation(server, triton, inputs, sentence, **options):
    with pytest.raises(InferenceServerException, match=sentence) as caught:
        infer(triton, inputs, **options)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert server.violations == [caught.value.message()]


def test_largest_rectangle_and_highest_id_are_not_a_violation(server, triton, document):
    last = Tokenizer.from_str(document).get_vocab_size() - 1
    infer(triton, rows([[last] * 12] * 64, [[1] * 12] * 64))
    assert server.violations == []
    with pytest.raises(InferenceServerException, match=f"ids from 2 to {last + 1}"):
        infer(triton, rows([[2, last + 1]], [[1, 1]]))


def test_other_revision_is_refused_without_a_violation(server, triton):
    with pytest.raises(
        InferenceServerException, match=f"mismatch: .* 'beef', the server {REVISION}"
    ):
        infer(triton, rows(), parameters={"revision": "beef"})
    assert server.violations == []
