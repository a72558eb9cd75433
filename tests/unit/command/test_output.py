"""Lines reach standard output and standard error in any encoding, read or unread."""

import io
import sys

import pytest
from emotion_command.output import mute_when_closed, put, put_result, take_any_character


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


def test_put_without_standard_output_drops_the_line(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)  # as Python does after `>&-`
    take_any_character()
    put("la")
    put_result("la")


def test_put_drops_what_has_no_reader_and_put_result_raises(unread, monkeypatch):
    monkeypatch.setattr(sys, "stdout", unread)
    with pytest.raises(BrokenPipeError):
        put_result("la")
    for _ in range(3):
        put("la" * 100_000)
    put_result("la")  # put has muted the stream


def test_mute_when_closed_raises_other_errors(unread):
    with pytest.raises(OSError, match="No space"), mute_when_closed(unread):
        raise OSError(28, "No space left on device")
    with pytest.raises(BrokenPipeError):
        print("still a closed pipe", file=unread, flush=True)
    with mute_when_closed(unread):
        unread.flush()
