"""The fake deployment of the unit tests is as strict as the real one."""

import numpy as np
import pytest
from e2e.calls import ids_inputs, infer, tensor
from fake_server import FakeServer
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

GOOD = ids_inputs([[101, 2293, 102], [101, 102, 0]], [[1, 1, 1], [1, 1, 0]])
BAD = {
    "one input": GOOD[:1],
    "unknown input": [GOOD[0], tensor("mask", np.ones((2, 3), np.int64))],
    "dtype": [tensor("input_ids", np.ones((2, 3), np.int32)), GOOD[1]],
    "rank": ids_inputs([1, 2, 3]),
    "65 rows": ids_inputs(np.ones((65, 3))),
    "other shapes": ids_inputs([[101, 102]], [[1]]),
    "no tokens": ids_inputs(np.zeros((1, 0))),
    "too long": ids_inputs([[101] * 129]),
    "left-padded": ids_inputs([[5, 5]], [[0, 1]]),
    "hole": ids_inputs([[5, 5, 5]], [[1, 0, 1]]),
    "mask of 2": ids_inputs([[5, 5]], [[1, 2]]),
    "empty row": ids_inputs([[5, 5], [5, 5]], [[1, 1], [0, 0]]),
    "negative id": ids_inputs([[101, -1]]),
    "id beyond the vocabulary": ids_inputs([[101, 10**6]]),
}


@pytest.fixture(scope="module")
def both(server, client):
    """Connections to the real deployment and to a fake one with the same checkpoint."""
    info = client.connect()
    document = infer_info(server.address.url).as_numpy("tokenizer_json")[0].decode()
    with (
        FakeServer(
            tokenizer_json=document,
            labels=info.labels,
            max_length=info.max_length,
            revision=info.revision,
        ) as fake,
        InferenceServerClient(fake.url) as other,
        InferenceServerClient(server.address.url) as real,
    ):
        yield real, other, info.revision


def infer_info(url):
    with InferenceServerClient(url) as triton:
        return infer(triton, "emotion_info", [])


@pytest.mark.parametrize("inputs", BAD.values(), ids=BAD.keys())
def test_both_refuse_a_bad_request_with_the_same_status(both, inputs):
    real, fake, revision = both
    statuses = []
    for triton in (real, fake):
        with pytest.raises(InferenceServerException) as caught:
            infer(triton, "emotion", inputs, parameters={"revision": revision})
        statuses.append(caught.value.status())
    assert statuses == ["StatusCode.INVALID_ARGUMENT"] * 2


def test_both_refuse_another_revision_with_the_same_words(both):
    messages = []
    for triton in both[:2]:
        with pytest.raises(InferenceServerException) as caught:
            infer(triton, "emotion", GOOD, parameters={"revision": "beef"})
        messages.append(caught.value.message().replace("'", ""))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("model", ["emotion", "emotion_info"])
def test_both_answer_with_the_same_tensors(both, model):
    real, fake, revision = both
    inputs = GOOD if model == "emotion" else []
    parameters = {"revision": revision} if model == "emotion" else {}
    answers = [
        infer(triton, model, inputs, parameters=parameters).get_response()
        for triton in (real, fake)
    ]
    tensors = [
        [(each.name, each.datatype, tuple(each.shape)) for each in answer.outputs]
        for answer in answers
    ]
    assert tensors[0] == tensors[1]
