"""Which errors are failed writes."""

import pytest
from emotion_training.checkpoint.writing import is_write_error
from safetensors import SafetensorError

SERIALIZING = SafetensorError("Error while serializing: I/O error: File too large (os error 27)")
ZIP = RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0")
STREAM = RuntimeError("PytorchStreamWriter failed writing file data/1: file write failed")


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        pytest.param(OSError(28, "No space left on device"), True, id="python"),
        pytest.param(SERIALIZING, True, id="safetensors"),
        pytest.param(ZIP, True, id="torch"),
        pytest.param(STREAM, True, id="torch-stream"),
        pytest.param(FileNotFoundError(2, "No such file"), False, id="missing-file"),
        pytest.param(SafetensorError("Error while deserializing header"), False, id="reading"),
        pytest.param(RuntimeError("shapes do not fit"), False, id="other-runtime-error"),
        pytest.param(ValueError("I/O error"), False, id="other-error"),
    ],
)
def test_is_write_error_recognizes_a_full_disk(error, is_one):
    assert is_write_error(error) == is_one
