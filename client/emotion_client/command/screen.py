"""The terminal that results are shown on, or what stands in for it."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import Any

from emotion_client.command.display import ASCII_BLOCK, BLOCK

DEFAULT_WIDTH = 80


@dataclass(frozen=True)
class Screen:
    """What a table needs to know of where it is shown.

    Attributes:
        width: columns, at least 1.
        block: what bars are made of.
    """

    width: int
    block: str


def find_screen() -> Screen:
    """Returns the terminal of this process; a file or pipe has DEFAULT_WIDTH columns."""
    width = shutil.get_terminal_size((DEFAULT_WIDTH, 0)).columns
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return Screen(max(width, 1), BLOCK if _can_encode(BLOCK, encoding) else ASCII_BLOCK)


def is_terminal(stream: Any) -> bool:
    """Returns whether a person sits at a stream; one that is closed has nobody."""
    return stream is not None and not stream.closed and bool(stream.isatty())


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
