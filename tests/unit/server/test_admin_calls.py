"""The key of Triton's administrative calls, and the options that lock them."""

import pytest
from emotion_server.admin_calls import KEY, build_lock_options, make_key, read_key
from emotion_server.errors import StartError


def test_make_key_is_different_each_time():
    first, second = make_key(), make_key()
    assert first != second
    assert KEY.fullmatch(first)


def test_read_key_drops_the_line_end(tmp_path):
    path = tmp_path / "key"
    path.write_text("0123456789abcdef\n")
    assert read_key(path) == "0123456789abcdef"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"0123456789abcde", id="too-short"),
        pytest.param(b"0123456789abcdef:x", id="colon"),
        pytest.param(b"0123456789abcdef\n0123456789abcdef", id="two-lines"),
        pytest.param("0123456789abcdéf".encode(), id="non-ascii"),
        pytest.param(b"\xff" * 32, id="not-utf8"),
    ],
)
def test_read_key_bad_key_is_refused_and_not_quoted(tmp_path, content):
    path = tmp_path / "key"
    path.write_bytes(content)
    with pytest.raises(StartError) as caught:
        read_key(path)
    assert str(path) in str(caught.value)
    assert "0123456789" not in str(caught.value)


def test_read_key_missing_file_is_named(tmp_path):
    with pytest.raises(StartError, match="nowhere: No such file"):
        read_key(tmp_path / "nowhere")


def test_build_lock_options_lock_both_ports():
    lock = "model-repository,shared-memory,trace,logging:admin-key=k"
    assert build_lock_options("k") == [
        f"--grpc-restricted-protocol={lock}",
        f"--http-restricted-api={lock}",
    ]
