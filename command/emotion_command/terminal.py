"""The terminal, and text fitted to it: escaped, cut and padded."""

from __future__ import annotations

import shutil
import sys
import unicodedata
from dataclasses import dataclass
from typing import Any

ELLIPSIS = "…"
BLOCK, ASCII_BLOCK = "█", "#"
DEFAULT_WIDTH = 80
# Joiners are invisible, but emoji and Persian words need them.
JOINERS = "\u200c\u200d"
# More characters per column than any text needs: marks without a width may have no end.
MAX_CHARS_PER_COLUMN = 8


@dataclass(frozen=True)
class Screen:
    """Where a table is shown.

    Attributes:
        width: columns, at least 1.
        block: the character that bars are made of.
    """

    width: int
    block: str


def find_screen() -> Screen:
    """Returns the terminal of this process; a file or pipe has DEFAULT_WIDTH columns."""
    width = shutil.get_terminal_size((DEFAULT_WIDTH, 0)).columns
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    return Screen(max(width, 1), BLOCK if _can_encode(BLOCK, encoding) else ASCII_BLOCK)


def is_terminal(stream: Any) -> bool:
    """Returns whether a stream is an open terminal."""
    return stream is not None and not stream.closed and bool(stream.isatty())


def reveal(text: str) -> str:
    r"""Returns the text with what a terminal would obey or hide escaped.

    This includes control characters and marks that change the direction of the text.

    Example:
        >>> print(reveal("red \x1b[31m\tand blue"))
        red \x1b[31m\tand blue
    """
    return text if text.isprintable() else "".join(map(_reveal, text))


def measure(text: str) -> int:
    """Returns how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_measure, text))


def shorten(text: str, *, width: int) -> str:
    """Returns the beginning of a text in at most `width` columns, escaped like `reveal`.

    Example:
        >>> shorten("Rain on the roof", width=10)
        'Rain on t…'
    """
    beginning = text[: MAX_CHARS_PER_COLUMN * max(width, 1)]
    shown = reveal(beginning)
    if len(beginning) == len(text) and measure(shown) <= width:
        return shown
    kept, room = "", width - measure(ELLIPSIS)
    for piece in map(_reveal, beginning):
        room -= measure(piece)
        if room < 0:
            break
        kept += piece
    return kept + ELLIPSIS if width >= measure(ELLIPSIS) else ""


def pad(text: str, *, width: int) -> str:
    """Returns a text with trailing blanks, `width` columns wide."""
    return text + " " * (width - measure(text))


def draw_bar(share: float, *, width: int, block: str) -> str:
    """Returns a bar for a share from 0 to 1, `width` columns wide, trailing blanks included."""
    return (block * round(width * share)).ljust(width)


def _reveal(character: str) -> str:
    if character.isprintable() or character in JOINERS:
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape").decode()


def _measure(character: str) -> int:
    if character in JOINERS or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _can_encode(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
