"""The parts of a song, found by its blank lines, section marks and repeat counts.

How the parts are tokenized and classified is in `song`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import groupby

MAX_REPEATS = 32
# Without a limit, a long chorus and many marks that refer to it grow as their product.
MAX_REFERRED_SECTIONS = 256

# Longer than any match of _REPEATS; only this much of a line's end is searched.
_REPEATS_TAIL = 24
_REPEATS = re.compile(
    r"""(?: [(\[] \s? (?: [x×] \s? ([0-9]{1,9}) | ([0-9]{1,9}) \s? [x×] ) \s? [)\]]
          | (?<! [^\s\]):] ) [x×] \s? ([0-9]{1,9})
          | (?: ^ | (?<= [\]):] ) \s? ) ([0-9]{1,9}) [x×]
        ) \Z""",
    re.IGNORECASE | re.VERBOSE,
)
_SQUARE = re.compile(r"\[([^\[\]]*)\](?:\s*\[[^\[\]]*\])*")
_ROUND = re.compile(r"\(([^()]*)\)")
_REPEAT_THE = re.compile(r"\Arepeat (?:the )?", re.IGNORECASE)
_KNOWN = re.compile(
    r"""(?: repeat\ (?:the\ )? )?
        (?: (?: first|second|third|last|final )\  )?
        (?: (?: pre|post )[ -]? )?
        (?: intro(?:duction)? | verse | strophe | stanza | chorus | hook | refrain | bridge
          | middle\ (?:8|eight) | interlude | breakdown | build[ -]?up | drop | outro | coda
          | prelude | part | vamp | skit
          | (?: (?: guitar|piano|drum|bass|sax|organ|synth|violin )\  )? solo
          | instrumental (?: \ (?: break|bridge|interlude|intro|outro|solo ) )?
        )
        (?: \ ?\#?[0-9]{1,3}[a-d]? | \ (?: [ivx]{1,4} | [a-d] | one|two|three|four ) )?
        """,
    re.IGNORECASE | re.VERBOSE,
)
_WORDLESS = re.compile(r"\b(?:instrumental|solo|interlude|break|riff)\b", re.IGNORECASE)
_AFTER_NAME = re.compile(r" ?: ?| [-–—|] | ?\(")


@dataclass(frozen=True)
class Section:
    """One part of a song.

    Attributes:
        name: from its mark, such as "Chorus", without repeat count or singer.
        repeats: how often it is sung in a row, 1 to MAX_REPEATS.
        text: its lines joined by one line feed, without marks, repeat counts and indentation.
        start: where it starts in the lyrics, in characters: at its first word, or at the mark that
            repeats it if the words are elsewhere.
        end: where it ends in the lyrics, exclusive.
        spans: (start, end) in the lyrics of each line of the text; empty if a mark repeats the
            part.
    """

    name: str | None
    repeats: int
    text: str
    start: int
    end: int
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class _Line:
    """A line of words; empty if it has only a repeat count."""

    start: int
    end: int
    repeats: int


@dataclass(frozen=True)
class _Mark:
    """A line that names what follows; the name may be empty."""

    name: str
    repeats: int
    start: int
    end: int


@dataclass(frozen=True)
class _Stanza:
    text: str
    spans: tuple[tuple[int, int], ...]
    repeats: int


@dataclass(frozen=True)
class _Block:
    """A mark and everything under it; has_gap: a blank line follows the mark."""

    mark: _Mark
    has_gap: bool
    stanzas: tuple[_Stanza, ...]


def split_song(lyrics: str) -> list[Section]:
    r"""Returns the parts of a song in sung order; none for blank lyrics. Never raises for a str.

    Blank lines and marks separate parts. A mark is a separate line: anything in square brackets
    ("[Verse 2: Ann]"), or a common name in parentheses or before a colon ("(Bridge)", "Chorus:").
    It names every part up to the next mark. A mark without words below it repeats all parts under
    the first mark of the same name that has words; if there is no such mark, it is ignored. A song
    gets at most MAX_REFERRED_SECTIONS parts in this way.

    A blank line after a mark separates it from the words below only if its name says that it has
    none ("[Guitar solo]") or if the first mark of its name is directly above its words.

    "x2", "(2x)" and the like apply to all parts under a mark if they are in the mark, and to one
    part if they are at its end or on a separate line. At the end of any other line they are only
    left out of the text.

    Example:
        >>> lyrics = "[Verse]\nRain again\n\n[Chorus x2]\nWe shine\n\n[Verse 2]\nSun\n\n[Chorus]"
        >>> for part in split_song(lyrics):
        ...     print(part.name, part.repeats, part.text)
        Verse 1 Rain again
        Chorus 2 We shine
        Verse 2 1 Sun
        Chorus 1 We shine
    """
    sections: list[Section] = []
    firsts: dict[str, _Block] = {}
    num_referred_left = MAX_REFERRED_SECTIONS
    for block in _read_blocks(lyrics):
        key = _fold(block.mark.name)
        first = firsts.get(key)
        if _stands_alone(block, first=first):
            referred = _refer(block.mark, first=first, limit=num_referred_left)
            num_referred_left -= len(referred)
            sections += referred
            # What follows such a mark is another part, without a name.
            block = replace(block, mark=replace(block.mark, name="", repeats=1))
        elif key:
            firsts.setdefault(key, block)
        sections += [_build_section(stanza, mark=block.mark) for stanza in block.stanzas]
    return sections


def _read_blocks(lyrics: str) -> Iterator[_Block]:
    mark = _Mark("", 1, 0, 0)
    lines: list[_Line | None] = []
    for line in _read_lines(lyrics):
        if isinstance(line, _Mark):
            yield _build_block(mark, lines=lines, lyrics=lyrics)
            mark, lines = line, []
        else:
            lines.append(line)
    yield _build_block(mark, lines=lines, lyrics=lyrics)


def _read_lines(lyrics: str) -> Iterator[_Line | _Mark | None]:
    """Yields each line as what it is; None for a blank one."""
    start = 0
    for raw in lyrics.splitlines(keepends=True):
        words = raw.strip()
        indent = len(raw) - len(raw.lstrip())
        yield _read_line(words, start=start + indent) if words else None
        start += len(raw)


def _read_line(words: str, *, start: int) -> _Line | _Mark:
    kept, repeats = _take_repeats(words)
    mark = _read_mark(kept)
    if mark is None:
        return _Line(start, start + len(kept), repeats)
    name, own_repeats = mark
    return _Mark(name, _multiply(repeats, own_repeats), start, start + len(words))


def _take_repeats(words: str) -> tuple[str, int]:
    """Returns the words without the repeat counts at their end, and the product of these."""
    end, repeats = len(words), 1
    while match := _REPEATS.search(words, max(0, end - _REPEATS_TAIL), end):
        repeats = _multiply(repeats, int(match[match.lastindex or 0]))
        end = match.start()
        while end and words[end - 1].isspace():
            end -= 1
    return words[:end], repeats


def _read_mark(words: str) -> tuple[str, int] | None:
    """Returns name and repeats, or None if the line is not a mark."""
    is_square = False
    if match := _SQUARE.fullmatch(words):
        inner, is_square = match[1], True
    elif match := _ROUND.fullmatch(words):
        inner = match[1]
    elif words.endswith(":"):
        inner = words[:-1]
    else:
        return None
    label, repeats = _take_repeats(" ".join(inner.split()))
    said = label.partition(":")[0].rstrip() if match else label
    if not is_square and not _KNOWN.fullmatch(said):
        return None
    return _REPEAT_THE.sub("", _AFTER_NAME.split(label, maxsplit=1)[0]), repeats


def _multiply(repeats: int, by: int) -> int:
    return max(1, min(repeats * by, MAX_REPEATS))


def _build_block(mark: _Mark, *, lines: list[_Line | None], lyrics: str) -> _Block:
    stanzas: list[_Stanza] = []
    for has_words, group in groupby(lines, key=lambda line: line is not None):
        if not has_words:
            continue
        stanza = _build_stanza([line for line in group if line], lyrics=lyrics)
        if stanza.spans:
            stanzas.append(stanza)
        elif stanzas:  # nothing but "x2": it repeats what is above it
            repeats = _multiply(stanzas[-1].repeats, stanza.repeats)
            stanzas[-1] = replace(stanzas[-1], repeats=repeats)
        elif mark.name:
            mark = replace(mark, repeats=_multiply(mark.repeats, stanza.repeats))
    return _Block(mark, bool(lines) and lines[0] is None, tuple(stanzas))


def _build_stanza(lines: list[_Line], *, lyrics: str) -> _Stanza:
    spans = tuple((line.start, line.end) for line in lines if line.start < line.end)
    counts: Iterable[int] = (
        line.repeats for line in lines if line is lines[-1] or line.start == line.end
    )
    text = "\n".join(lyrics[start:end] for start, end in spans)
    return _Stanza(text, spans, reduce(_multiply, counts, 1))


def _stands_alone(block: _Block, *, first: _Block | None) -> bool:
    """Returns whether the mark has no words of its own; first is the block it may repeat."""
    if not block.stanzas:
        return True
    if not block.has_gap:
        return False
    is_wordless = _WORDLESS.search(block.mark.name) is not None
    return is_wordless or (first is not None and not first.has_gap)


def _refer(mark: _Mark, *, first: _Block | None, limit: int) -> list[Section]:
    if first is None:
        return []
    mark = replace(mark, name=first.mark.name)
    stanzas = (replace(stanza, spans=()) for stanza in first.stanzas[:limit])
    return [_build_section(stanza, mark=mark) for stanza in stanzas]


def _build_section(stanza: _Stanza, *, mark: _Mark) -> Section:
    spans = stanza.spans or ((mark.start, mark.end),)
    start, end = spans[0][0], spans[-1][1]
    repeats = _multiply(stanza.repeats, mark.repeats)
    return Section(mark.name or None, repeats, stanza.text, start, end, stanza.spans)


def _fold(name: str) -> str:
    """Returns a key that is the same for equal names, such as "Pre-Chorus" and "prechorus"."""
    return "".join(name.casefold().replace("-", " ").split())
