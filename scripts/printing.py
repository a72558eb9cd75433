"""Lines on the terminal, whether or not somebody reads them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from emotion_client.command.output import silence


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
        silence(stream)
