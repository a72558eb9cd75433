"""Lines on the terminal, whether or not somebody reads them and has the letters for them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def escape_foreign_letters() -> None:
    """Has standard output escape letters that its encoding lacks, as standard error does."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def put(line: str, *, stream: TextIO | None = None) -> None:
    """Prints a line; where nobody reads on (`evaluate.py data.csv | head`) it goes nowhere.

    Args:
        line: what to print.
        stream: standard output if not given.
    """
    stream = stream or sys.stdout
    with mute_when_closed(stream):
        print(line, file=stream, flush=True)


@contextmanager
def mute_when_closed(stream: TextIO) -> Iterator[None]:
    """Ends what is inside where nobody reads the stream any more, and sends the rest nowhere."""
    try:
        yield
    except BrokenPipeError:  # what is buffered, and what Python flushes at its end, would raise too
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
