"""Text as a terminal shows it: what is invisible made visible, cut and filled to columns. Pure."""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"
BLOCK, ASCII_BLOCK = "█", "#"
# Joiners are invisible, but part of emoji and of Persian words.
JOINERS = "\u200c\u200d"
# More characters a column than any text needs; marks without a width could follow forever.
MAX_CHARS_PER_COLUMN = 8


def reveal(text: str) -> str:
    r"""Returns the text with escapes for what a terminal would obey or hide.

    Among these are control characters and marks that change the direction of what follows.

    Example:
        >>> print(reveal("red \x1b[31m\tand blue"))
        red \x1b[31m\tand blue
    """
    return text if text.isprintable() else "".join(map(_reveal, text))


def measure(text: str) -> int:
    """Returns how many columns of a terminal a text fills."""
    return len(text) if text.isascii() else sum(map(_measure, text))


def shorten(text: str, *, width: int) -> str:
    """Returns the beginning of a text, as `reveal` shows it, in at most `width` columns.

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
    """Returns a text with blanks behind it until it fills `width` columns."""
    return text + " " * (width - measure(text))


def draw_bar(share: float, *, width: int, block: str) -> str:
    """Returns a bar of `width` columns, blanks included, for a share of 0 to 1."""
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
