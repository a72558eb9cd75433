"""Lines reach standard output and standard error in any encoding, read or unread."""

import io
import os
import subprocess
import sys

import pytest
from emotion_command.output import put, put_result, settle, take_any_character


@pytest.fixture(params=[True, False], ids=["buffered", "unbuffered"])  # PYTHONUNBUFFERED
def full(request):
    """A file on a full disk."""
    with open("/dev/full", "wb", buffering=-1 if request.param else 0) as file:
        yield io.TextIOWrapper(file, write_through=not request.param)


@pytest.mark.parametrize(
    ("encoding", "is_json", "line", "written"),
    [
        pytest.param("utf-8", False, "Ніч", "Ніч".encode(), id="utf-8"),
        pytest.param("ascii", False, "Ніч", rb"\u041d\u0456\u0447", id="ascii"),
        pytest.param("ascii", True, "Ніч", "Ніч".encode(), id="json-is-utf-8"),
        pytest.param("ascii", False, "жой \udcff", rb"\u0436\u043e\u0439 \udcff", id="surrogate"),
        pytest.param("utf-8", True, '"\udcff"', rb'"\udcff"', id="json-surrogate"),
    ],
)
def test_take_any_character_escapes_what_the_encoding_lacks(
    encoding, is_json, line, written, monkeypatch
):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
    take_any_character(is_json=is_json)
    take_any_character()  # keeps the encoding
    put(line)
    assert buffer.getvalue() == written + b"\n"


def test_put_prints_a_line_at_once(capsys):
    put("one")
    put("two", stream=sys.stderr)
    put_result("three")
    assert capsys.readouterr() == ("one\nthree\n", "two\n")


def test_put_drops_what_has_no_reader_and_put_result_raises(unread, monkeypatch):
    monkeypatch.setattr(sys, "stdout", unread)
    with pytest.raises(BrokenPipeError):
        put_result("la")
    for _ in range(3):
        put("la" * 100_000)
    put_result("la")  # put has muted the stream


def test_full_disk_raises_for_results_and_is_told_at_the_end_for_lines(full, monkeypatch):
    monkeypatch.setattr(sys, "stdout", full)
    with pytest.raises(OSError, match="No space left") as caught:
        put_result("la")
    assert caught.value.filename == "standard output"
    put("la")
    assert settle(full).strerror == "No space left on device"
    full.flush()
    assert settle(full) is None


def test_put_without_standard_output_drops_the_line(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # as Python does after `>&-`
    take_any_character()
    put("la")
    put_result("la")
    assert settle(sys.stdout) is None


def test_settle_without_a_reader_loses_nothing_that_matters(unread):
    with pytest.raises(BrokenPipeError):
        print("la", file=unread, flush=True)
    assert settle(unread) is None
    unread.flush()


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_missing_streams_are_opened_before_a_file_takes_their_place(closed, tmp_path):
    code = f"""
import sys
from emotion_command.output import open_missing_streams, put
open_missing_streams()
with open({str(tmp_path / "file")!r}, "w") as file:
    assert file.fileno() > 2
    put("la")
    put("f\\u00f6rest", stream=sys.stderr)
    sys.stdin.read()
"""
    command = f'exec "$0" -c "$1" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable, code],
        capture_output=True,
        input=b"",
        check=False,
        env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    )
    assert (done.returncode, done.stderr.strip()) == (0, b"" if "2>" in closed else rb"f\xf6rest")
    assert done.stdout.strip() == (b"" if " >" in f" {closed}" else b"la")
    assert (tmp_path / "file").read_text() == ""
