"""The Triton shell of the tokenizer, with a strict fake of Triton."""

import fake_triton
import numpy as np
import pytest
from emotion_client.arguments import MAX_TEXT_BYTES
from emotion_command.checkout import REPOSITORY
from fake_triton import InferenceRequest, TritonError, error_of
from transformers import AutoTokenizer

from checkpoints import MAX_LENGTH, TEXTS

CONFIG = fake_triton.read_config(REPOSITORY / "emotion_tokenizer" / "config.pbtxt")
SECRET = "my secret verse"


@pytest.fixture(scope="module")
def model(load_model, repository):
    instance = load_model("emotion_tokenizer").TritonPythonModel()
    instance.initialize(fake_triton.build_args(repository / "emotion_tokenizer"))
    return instance


@pytest.fixture(scope="module")
def reference(source_of):
    return AutoTokenizer.from_pretrained(source_of("bert"))


def build_request(*texts):
    values = [text.encode() if isinstance(text, str) else text for text in texts]
    array = np.empty((len(values), 1), dtype=object)
    array[:, 0] = values
    return InferenceRequest(text=array)


def check_good(response, *, texts, reference):
    outputs = fake_triton.check_answer(response, config=CONFIG, num_rows=len(texts))
    ids, mask = outputs["input_ids"], outputs["attention_mask"]
    assert ids.shape == mask.shape
    assert mask.sum(axis=1).max() == mask.shape[1] <= MAX_LENGTH
    for i, text in enumerate(texts):
        expected = reference(text, truncation=True, max_length=MAX_LENGTH).input_ids
        assert mask[i].tolist() == [1] * len(expected) + [0] * (mask.shape[1] - len(expected))
        assert ids[i, : len(expected)].tolist() == expected
        num_tokens = len(reference(text).input_ids)
        assert outputs["num_tokens"][i] == num_tokens
        assert outputs["truncated"][i] == (num_tokens > MAX_LENGTH)


def test_execute_requests_of_one_text_equal_autotokenizer(model, reference):
    responses = model.execute([build_request(text) for text in TEXTS])
    for text, response in zip(TEXTS, responses, strict=True):
        check_good(response, texts=[text], reference=reference)


def test_execute_request_of_many_texts_is_a_right_padded_rectangle(model, reference):
    texts = [*TEXTS, "la\0la\0"]
    (response,) = model.execute([build_request(*texts)])
    check_good(response, texts=texts, reference=reference)


def test_execute_not_utf8_fails_alone_and_names_row_and_byte(model, reference, log):
    lone_surrogate = "a\ud800".encode("utf-8", "surrogatepass")
    rows = [("la", b"secret \xff"), ("la la",), (b"\xc3",), (lone_surrogate,)]
    responses = model.execute([build_request(*texts) for texts in rows])
    assert error_of(responses[0]) == (
        TritonError.INVALID_ARG,
        "row 1: text is not UTF-8 at byte 7; send it as UTF-8",
    )
    check_good(responses[1], texts=["la la"], reference=reference)
    assert error_of(responses[2])[1].startswith("row 0: text is not UTF-8 at byte 0")
    assert error_of(responses[3])[1].startswith("row 0: text is not UTF-8 at byte 1")
    assert log == []


HALF = b"a" * (MAX_TEXT_BYTES // 2)


@pytest.mark.parametrize("texts", [[HALF + HALF + b"a"], [HALF, HALF, b"a"]], ids=["row", "rows"])
def test_execute_over_one_mebibyte_fails_alone_with_size_and_limit(model, reference, texts):
    largest = "a" * MAX_TEXT_BYTES
    responses = model.execute([build_request(*texts), build_request(largest)])
    assert error_of(responses[0]) == (
        TritonError.INVALID_ARG,
        "the request has 1048577 bytes of text; limit is 1048576",
    )
    check_good(responses[1], texts=[largest], reference=reference)


def test_execute_unexpected_error_is_neutral_and_logs_no_text(model, monkeypatch, log, reference):
    encode = model.tokenizer.encode

    def fail_on_secret(texts):
        if SECRET in texts:
            raise ValueError(f"cannot read {texts}")
        return encode(texts)

    monkeypatch.setattr(model.tokenizer, "encode", fail_on_secret)
    responses = model.execute([build_request("la"), build_request(SECRET)])
    check_good(responses[0], texts=["la"], reference=reference)
    code, message = error_of(responses[1])
    assert code == TritonError.INTERNAL
    assert message == "the tokenizer failed on this request; the server's log says where"
    ((severity, line),) = log
    assert severity == "error"
    assert "fail_on_secret" in line
    assert "ValueError" in line
    assert SECRET not in line
