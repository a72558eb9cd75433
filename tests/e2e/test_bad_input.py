"""Bad input to the real server: the caller gets a sentence, other requests are not affected."""

import json
import urllib.error
import urllib.request
from functools import partial

import numpy as np
import pytest
from e2e.calls import ids_inputs, infer, probabilities, start_all, tensor, text_inputs
from tritonclient.utils import InferenceServerException

VOCAB_SIZE = 30522
GOOD = [[101, 2293, 102]]

BAD_IDS = {
    "zero tokens": (ids_inputs(np.zeros((1, 0))), "0 tokens a row; minimum is 1"),
    "too long": (ids_inputs([[101] * 129]), "129 tokens a row, padding included; limit is 128"),
    "negative id": (ids_inputs([[101, -1]]), "row 0: input_ids has the id -1 at position 1"),
    "id beyond vocabulary": (
        ids_inputs([[101, 102], [101, VOCAB_SIZE]]),
        f"row 1: input_ids has the id {VOCAB_SIZE} at position 1; limit is 0 to {VOCAB_SIZE - 1}",
    ),
    "mask of another length": (ids_inputs([[101, 102]], [[1]]), "has the shape [1, 1]"),
    "mask not 0 or 1": (
        ids_inputs([[101, 102]], [[1, 7]]),
        "row 0: attention_mask has the value 7",
    ),
    "mask empty": (
        ids_inputs([[5, 5], [5, 5]], [[1, 1], [0, 0]]),
        "row 1: attention_mask has no 1",
    ),
    "mask with a hole": (ids_inputs([[5, 5, 5]], [[1, 0, 1]]), "a 1 after a 0 at position 2"),
    "mask left-padded": (ids_inputs([[5, 5, 5]], [[0, 1, 1]]), "a 1 after a 0"),
}


@pytest.mark.parametrize(("inputs", "sentence"), BAD_IDS.values(), ids=BAD_IDS.keys())
def test_emotion_bad_ids_get_invalid_argument(triton, inputs, sentence):
    with pytest.raises(InferenceServerException) as caught:
        infer(triton, "emotion", inputs)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert sentence in caught.value.message()


def test_emotion_ids_under_zero_of_the_mask_are_ignored(triton):
    plain = infer(triton, "emotion", ids_inputs(GOOD))
    padded = infer(triton, "emotion", ids_inputs([[*GOOD[0], -5, 10**9]], [[1, 1, 1, 0, 0]]))
    assert padded.as_numpy("label") == plain.as_numpy("label")
    assert padded.as_numpy("confidence") == pytest.approx(plain.as_numpy("confidence"), abs=2e-2)


@pytest.mark.parametrize(
    ("model", "inputs"), [("emotion", ids_inputs(GOOD)), ("emotion_text", text_inputs("la"))]
)
def test_other_revision_is_refused_with_both_values(triton, client, model, inputs):
    served = client.predict("la").revision
    infer(triton, model, inputs, parameters={"revision": served})
    with pytest.raises(InferenceServerException, match="revision mismatch") as caught:
        infer(triton, model, inputs, parameters={"revision": "beef"})
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert "beef" in caught.value.message()
    assert served in caught.value.message()


@pytest.mark.parametrize("model", ["emotion_tokenizer", "emotion_text"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(b"caf\xe9", "row 1: text is not UTF-8 at byte 3", id="not UTF-8"),
        pytest.param(
            b"a" * (2**20 + 1), "the request has 1048581 bytes of text; limit is 1048576", id="big"
        ),
    ],
)
def test_text_bad_row_gets_invalid_argument(triton, model, text, sentence):
    with pytest.raises(InferenceServerException) as caught:
        infer(triton, model, text_inputs("fine", text))
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"
    assert sentence in caught.value.message()


def test_text_of_one_mebibyte_is_answered(triton):
    result = infer(triton, "emotion_text", text_inputs(b"love " * (2**20 // 5)))
    assert result.as_numpy("truncated").all()
    assert result.as_numpy("num_tokens")[0, 0] > 200_000


def test_bad_requests_do_not_affect_others(triton):
    requests = [ids_inputs([[101, *range(2000, 2000 + n), 102]]) for n in range(1, 55)]
    alone = [infer(triton, "emotion", request) for request in requests]
    bad = [partial(infer, triton, "emotion", inputs) for inputs, _ in BAD_IDS.values()]
    good = [partial(infer, triton, "emotion", request) for request in requests]
    jobs = [job for pair in zip(good, bad * 6, strict=True) for job in pair]
    futures = start_all(jobs, at_a_time=64)
    for answer, expected in zip(futures[::2], alone, strict=True):
        np.testing.assert_allclose(
            probabilities(answer.result()), probabilities(expected), atol=2e-2
        )
    for refused in futures[1::2]:
        assert refused.exception().status() == "StatusCode.INVALID_ARGUMENT"


INT32_IDS = tensor("input_ids", np.ones((1, 3), np.int32))


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        pytest.param(ids_inputs(np.ones((65, 3))), "batch-size must be <= 64", id="rows"),
        pytest.param(ids_inputs([1, 2, 3]), "unexpected shape", id="rank"),
        pytest.param(ids_inputs(GOOD)[:1], "expected 2 inputs", id="missing"),
        pytest.param([INT32_IDS, ids_inputs(GOOD)[1]], "data-type", id="dtype"),
        pytest.param([*ids_inputs(GOOD), *text_inputs("x")], "expected 2 inputs", id="unknown"),
    ],
)
def test_triton_itself_refuses_wrong_inputs(triton, inputs, sentence):
    with pytest.raises(InferenceServerException, match=sentence) as caught:
        infer(triton, "emotion", inputs)
    assert caught.value.status() == "StatusCode.INVALID_ARGUMENT"


NOT_UTF8 = (
    b'{"inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["caf\xe9"]}]}'
)


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        # Triton 2.51's own parser answers 500 to broken JSON.
        pytest.param(b'{"inputs": [', 500, "failed to parse the request JSON", id="broken JSON"),
        pytest.param(NOT_UTF8, 400, "row 0: text is not UTF-8 at byte 3", id="not UTF-8"),
    ],
)
def test_http_bad_body_gets_a_sentence_without_a_traceback(server, body, code, sentence):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(server, "emotion_text", body)
    answer = json.loads(caught.value.read())["error"]
    assert (caught.value.code, sentence in answer) == (code, True), answer
    assert "Traceback" not in answer
    assert ".py" not in answer


def test_http_text_gets_its_emotion(server, client):
    body = {
        "inputs": [{"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": ["I hate you"]}]
    }
    outputs = post(server, "emotion_text", json.dumps(body).encode())["outputs"]
    by_name = {output["name"]: output["data"] for output in outputs}
    assert by_name["label"] == [client.predict("I hate you").label]


def post(server, model, body):
    url = f"http://127.0.0.1:{server.address.http_port}/v2/models/{model}/infer"
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=20) as answer:
        return json.load(answer)
