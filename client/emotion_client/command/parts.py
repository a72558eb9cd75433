"""What the parts of a song are called, and how their words begin. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from emotion_client.song import Part

# More of a part's words than any terminal shows in a row.
MAX_CHARS = 2000


def name_parts(parts: Sequence[Part]) -> list[str]:
    """Returns a name for each part; those without one have their number."""
    if len(parts) == 1 and not parts[0].name:
        return ["whole song"]
    return [part.name or f"part {number}" for number, part in enumerate(parts, start=1)]


def read_words(part: Part, *, lyrics: str) -> str:
    """Returns how a part begins, in one line, as songs are quoted: a slash for each line's end.

    Where a mark stands for words that are written elsewhere, it is the mark.
    """
    beginning = lyrics[part.start : min(part.end, part.start + MAX_CHARS)]
    lines = [" ".join(line.split()) for line in beginning.splitlines()]
    return " / ".join(filter(None, lines))
