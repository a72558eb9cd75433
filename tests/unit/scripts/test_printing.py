"""What `scripts/printing.py` does where nobody reads, or the letters are missing."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest
from emotion_client.command.output import take_any_character
from printing import mute_when_closed, put


@pytest.fixture
def unread() -> Iterator[TextIO]:
    """A pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        yield pipe


def test_put_prints_a_line_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    put("one")
    put("two", stream=sys.stderr)
    assert capsys.readouterr() == ("one\n", "two\n")


def test_put_where_nobody_reads_goes_on(unread: TextIO) -> None:
    for _ in range(3):
        put("la" * 100_000, stream=unread)


def test_mute_when_closed_lets_other_errors_through(unread: TextIO) -> None:
    with pytest.raises(OSError, match="No space"), mute_when_closed(unread):
        raise OSError(28, "No space left on device")
    with pytest.raises(BrokenPipeError):
        print("still a closed pipe", file=unread, flush=True)
    with mute_when_closed(unread):
        unread.flush()


def test_put_without_a_stream_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)  # as Python does after `>&-`
    take_any_character()
    put("la")


def test_take_any_character_leaves_no_letter_that_cannot_be_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    take_any_character()
    put("жой \udcff")
    assert written.getvalue() == b"\\u0436\\u043e\\u0439 \\udcff\n"
