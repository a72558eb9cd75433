"""Lines on standard output, which carries results, and on standard error, which has the rest."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


def take_any_character(*, is_json: bool = False) -> None:
    """Makes standard output accept any character.

    Characters that the terminal's encoding lacks are escaped. JSON is UTF-8 regardless of the
    terminal (RFC 8259, section 8.1). There, only lone surrogates of a file name need an escape,
    and it is the same as JSON's own.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = "utf-8" if is_json else None
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def put(line: str, *, stream: TextIO | None = None) -> None:
    """Prints a line at once, or drops it if the reader is gone (`evaluate.py data.csv | head`).

    Args:
        line: what to print.
        stream: default is standard output.
    """
    stream = stream or sys.stdout
    with mute_when_closed(stream):
        _print(line, stream=stream)


def put_result(line: str) -> None:
    """Prints a line of results at once.

    Raises:
        BrokenPipeError: the reader is gone (`| head -1`), so the work can end.
    """
    _print(line, stream=sys.stdout)


@contextmanager
def mute_when_closed(stream: TextIO) -> Iterator[None]:
    """Ends the block if the reader of the stream is gone, and drops all later output."""
    try:
        yield
    except BrokenPipeError:
        silence(stream)


def silence(stream: Any) -> None:
    """Drops all later output; otherwise Python's last flush would raise again."""
    with open(os.devnull, "wb") as devnull:
        os.dup2(devnull.fileno(), stream.fileno())


def _print(line: str, *, stream: TextIO) -> None:
    print(f"{line}\n", end="", file=stream, flush=True)  # one write: Ctrl-C does not cut the line
