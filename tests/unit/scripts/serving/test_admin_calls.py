"""The key that opens Triton's administrative calls, and the options that lock them."""

from __future__ import annotations

from pathlib import Path

import pytest
from serving.admin_calls import KEY, build_lock_options, make_key, read_key
from serving.start_error import StartError


def test_make_key_is_another_one_each_time() -> None:
    first, second = make_key(), make_key()
    assert first != second
    assert KEY.fullmatch(first)


def test_read_key_takes_the_file_without_its_line_end(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0123456789abcdef\n")
    assert read_key(path) == "0123456789abcdef"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"0123456789abcde", id="short"),
        pytest.param(b"0123456789abcdef:x", id="colon"),
        pytest.param(b"0123456789abcdef\n0123456789abcdef", id="two-lines"),
        pytest.param("0123456789abcdéf".encode(), id="letter-beyond-ascii"),
        pytest.param(b"\xff" * 32, id="no-text"),
    ],
)
def test_read_key_refuses_what_triton_could_not_take(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(StartError) as caught:
        read_key(path)
    assert str(path) in str(caught.value)
    assert "0123456789" not in str(caught.value)


def test_read_key_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="nowhere: No such file"):
        read_key(tmp_path / "nowhere")


def test_build_lock_options_lock_both_ports_alike() -> None:
    lock = "model-repository,shared-memory,trace,logging:admin-key=k"
    assert build_lock_options("k") == [
        f"--grpc-restricted-protocol={lock}",
        f"--http-restricted-api={lock}",
    ]
