"""Which errors `scripts/disk.py` takes for a failed writing."""

from __future__ import annotations

import pytest
from disk import is_write_error
from safetensors import SafetensorError


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        pytest.param(OSError(28, "No space left on device"), True, id="python"),
        pytest.param(
            SafetensorError("Error while serializing: I/O error: File too large (os error 27)"),
            True,
            id="safetensors",
        ),
        pytest.param(
            RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
            True,
            id="torch",
        ),
        pytest.param(
            RuntimeError("PytorchStreamWriter failed writing file data/1: file write failed"),
            True,
            id="torch-stream",
        ),
        pytest.param(FileNotFoundError(2, "No such file"), False, id="missing-file"),
        pytest.param(SafetensorError("Error while deserializing header"), False, id="reading"),
        pytest.param(RuntimeError("shapes do not fit"), False, id="other-runtime-error"),
        pytest.param(ValueError("I/O error"), False, id="other-error"),
    ],
)
def test_is_write_error_tells_a_full_disk_from_others(error: Exception, is_one: bool) -> None:
    assert is_write_error(error) == is_one
