"""Windows of long texts: the parts of a text that a network can read whole. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# Where a text may be cut, the best place first: between stanzas, lines, words.
SEPARATORS = ("\n\n", "\n", " ")


@dataclass(frozen=True)
class Window:
    """A part of a text.

    Attributes:
        text: not empty.
        source: the file that the text was read from.
    """

    text: str = field(repr=False)
    source: str


def split_windows(text: str, *, measure: Callable[[str], int], max_length: int) -> list[str]:
    """Splits a text into as few windows as a cut from its start to its end allows.

    Args:
        text: of any length.
        measure: returns the number of tokens of a part of it.
        max_length: most tokens of a window; a single word may have more.

    Returns:
        The windows in order. Together they have every word of the text.
    """
    if measure(text) <= max_length:
        return [text]
    for separator in SEPARATORS:
        parts = [part for part in text.split(separator) if part.strip()]
        if len(parts) > 1:
            return list(_join(parts, separator=separator, measure=measure, max_length=max_length))
    return [text]


def _join(
    parts: list[str], *, separator: str, measure: Callable[[str], int], max_length: int
) -> Iterator[str]:
    """Yields windows of as many neighbouring parts as fit; splits a part that is too long."""
    window: list[str] = []
    for part in parts:
        if window and measure(separator.join([*window, part])) > max_length:
            yield separator.join(window)
            window = []
        window.append(part)
        if len(window) == 1 and measure(part) > max_length:
            *whole, rest = split_windows(part, measure=measure, max_length=max_length)
            yield from whole
            window = [rest]
    if window:
        yield separator.join(window)
