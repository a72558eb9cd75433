"""Standard output, which has results and nothing else, and standard error, which has the rest."""

from __future__ import annotations

import io
import os
import sys
from typing import Any


def take_any_character(*, is_json: bool = False) -> None:
    """Makes standard output take any character.

    Where the terminal's encoding lacks one, it is escaped. JSON is UTF-8 whatever the terminal
    speaks (RFC 8259, section 8.1); all that needs an escape there are lone surrogates of a file
    name, and the escape happens to be JSON's own.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        encoding = "utf-8" if is_json else None
        sys.stdout.reconfigure(encoding=encoding, errors="backslashreplace")


def put(line: str) -> None:
    """Prints a result at once.

    Raises:
        BrokenPipeError: nobody reads on, as behind `| head -1`.
    """
    print(f"{line}\n", end="", flush=True)  # in one piece, which Ctrl-C does not cut in two


def complain(sentence: str) -> None:
    """Prints one sentence on standard error, where somebody reads it."""
    try:
        print(f"lyric-emotion: {sentence}", file=sys.stderr, flush=True)
    except BrokenPipeError:
        silence(sys.stderr)


def silence(stream: Any) -> None:
    """Lets what is still to be written go nowhere; Python's last flush would raise again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
