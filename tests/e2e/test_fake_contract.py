"""The fake server of the unit tests behaves like the real one."""

import numpy as np
import pytest
from e2e.calls import ids_inputs, infer, tensor
from fake_server import FakeServer
from tritonclient.grpc import InferenceServerClient, InferRequestedOutput
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
def served(triton):
    """What the real server serves, as arguments of a fake one."""
    info = infer(triton, "emotion_info", [])
    return {
        "tokenizer_json": info.as_numpy("tokenizer_json")[0].decode(),
        "labels": [label.decode() for label in info.as_numpy("labels")],
        "max_length": int(info.as_numpy("max_length")[0]),
        "revision": info.as_numpy("revision")[0].decode(),
    }


@pytest.fixture(scope="module")
def both(triton, served):
    """Connections to the real server and to a fake one with the same checkpoint."""
    with FakeServer(**served) as fake, InferenceServerClient(fake.url) as connected:
        yield triton, connected


def refuse(triton, model, inputs, **options):
    """Returns status and message of a refused call."""
    with pytest.raises(InferenceServerException) as caught:
        infer(triton, model, inputs, **options)
    return caught.value.status(), caught.value.message()


@pytest.mark.parametrize("inputs", BAD.values(), ids=BAD.keys())
def test_both_refuse_a_bad_request_with_the_same_status(both, served, inputs):
    parameters = {"revision": served["revision"]}
    for triton in both:
        status, _ = refuse(triton, "emotion", inputs, parameters=parameters)
        assert status == "StatusCode.INVALID_ARGUMENT"


def test_both_refuse_another_revision_with_the_same_message(both):
    real, fake = (refuse(each, "emotion", GOOD, parameters={"revision": "beef"}) for each in both)
    assert real == fake


def test_both_refuse_an_unknown_model_with_the_same_message(both):
    real, fake = (refuse(each, "emotions", GOOD) for each in both)
    assert real == fake


@pytest.mark.parametrize("names", [[], ["revision", "label"]], ids=["all", "two"])
def test_both_answer_with_the_same_tensors(both, served, names):
    outputs = [InferRequestedOutput(name) for name in names]
    parameters = {"revision": served["revision"]}
    answers = [infer(t, "emotion", GOOD, parameters=parameters, outputs=outputs) for t in both]
    real, fake = (
        [(x.name, x.datatype, x.shape) for x in a.get_response().outputs] for a in answers
    )
    assert real == fake
    real, fake = (answer.as_numpy("revision").tolist() for answer in answers)
    assert real == fake


@pytest.mark.parametrize("names", [[], ["protocol", "revision"]], ids=["all", "two"])
def test_both_give_the_same_info(both, names):
    outputs = [InferRequestedOutput(name) for name in names]
    real, fake = (infer(each, "emotion_info", [], outputs=outputs).get_response() for each in both)
    assert list(real.outputs) == list(fake.outputs)
    assert list(real.raw_output_contents) == list(fake.raw_output_contents)
