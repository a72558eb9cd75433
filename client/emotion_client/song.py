"""The emotion of a whole song: its pieces, and one answer from the answers to them.

The clients send the pieces; `lyrics` finds where parts start and end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum
from typing import Any

from emotion_client.lyrics import Section, split_song
from emotion_client.prediction import Prediction
from emotion_client.tokenizer import Encoding, TextTokenizer, Window

WAYS = ("auto", "stanzas", "windows")
# Neighbouring windows share a quarter of what the model reads, about four lines at 128 tokens: a
# sentence that is cut at the end of one window is whole in the next.
OVERLAPS_PER_WINDOW = 4


@dataclass(frozen=True)
class Part:
    """The emotion of one part of a song.

    Attributes:
        name: from the lyrics, such as "Chorus".
        repeats: how often it is sung in a row, at least 1.
        start: where it starts in the lyrics, in characters.
        end: where it ends in the lyrics, exclusive.
        prediction: its emotion.
    """

    name: str | None
    repeats: int
    start: int
    end: int
    prediction: Prediction


@dataclass(frozen=True)
class SongPrediction:
    """The emotion of one song. Unpacks as `label, confidence`.

    Attributes:
        label: the most probable label of the whole song.
        confidence: its probability, 0 to 1.
        scores: probability of every label, in the order of the model's outputs: the mean over the
            parts, each weighted by its tokens times its repeats.
        parts: the parts in sung order.
        num_tokens: tokens of all parts, including special tokens. Repeats are not counted; tokens
            shared by overlapping windows count in both.
        revision: of the checkpoint that answered, 64 hex digits.

    Example:
        >>> rain = Prediction("sadness", 0.75, {"joy": 0.25, "sadness": 0.75}, 10, False, "0" * 64)
        >>> part = Part("Verse", 1, 0, 25, rain)
        >>> song = SongPrediction("sadness", 0.75, rain.scores, (part,), 10, "0" * 64)
        >>> label, confidence = song
        >>> label, confidence
        ('sadness', 0.75)
        >>> [(part.name, part.prediction.label) for part in song.parts]
        [('Verse', 'sadness')]
    """

    label: str
    confidence: float
    scores: Mapping[str, float]
    parts: tuple[Part, ...]
    num_tokens: int
    revision: str

    def __iter__(self) -> Iterator[Any]:
        """Yields label and confidence."""
        yield self.label
        yield self.confidence


@dataclass(frozen=True)
class Piece:
    """The part of a song that is sent in one row; other attributes are as in `Part`.

    Attributes:
        encoding: its tokens; pieces with the same words share one object.
    """

    name: str | None
    repeats: int
    start: int
    end: int
    encoding: Encoding


def check_by(by: str) -> None:
    """Checks the way to split a song.

    Raises:
        ValueError: it is not one of WAYS.
    """
    if by not in WAYS:
        raise ValueError(f"by is {by!r}; it must be one of {', '.join(WAYS)}")


def plan_song(lyrics: str, *, by: str, tokenizer: TextTokenizer) -> list[Piece]:
    """Returns the pieces to classify, in sung order; always at least one, the empty text.

    Args:
        lyrics: the words of a song, with or without section marks.
        by: "stanzas" classifies each part, in windows if it is longer than the model reads;
            "windows" classifies all written words together, without marks and repeats; "auto"
            means stanzas if there are at least two parts, else windows.
        tokenizer: the checkpoint's tokenizer.

    Raises:
        ValueError: `by` is something else.
    """
    check_by(by)
    sections = split_song(lyrics)
    if by == "windows" or len(sections) < (2 if by == "auto" else 1):
        sections = [_join(sections)]
    texts = dict.fromkeys(section.text for section in sections)
    overlap = tokenizer.max_length // OVERLAPS_PER_WINDOW
    windows = {text: tokenizer.encode_windows(text, overlap=overlap) for text in texts}
    return [piece for section in sections for piece in _cut(section, windows=windows[section.text])]


def combine(pieces: Sequence[Piece], *, predictions: Sequence[Prediction]) -> SongPrediction:
    """Returns the song's answer from the answers to its pieces.

    The scores are the mean of the pieces' scores, each weighted by its tokens, including special
    tokens, times its repeats. On a tie the first label in the order of the scores wins.

    Args:
        pieces: at least one, as `plan_song` returns them.
        predictions: one per piece, in the same order and all of one revision.
    """
    revisions = {prediction.revision for prediction in predictions}
    assert len(revisions) == 1, "a song is answered by one revision"
    scores = _mean(
        [prediction.scores for prediction in predictions],
        weights=[piece.encoding.num_tokens * piece.repeats for piece in pieces],
    )
    label = max(scores, key=scores.__getitem__)
    return SongPrediction(
        label=label,
        confidence=scores[label],
        scores=scores,
        parts=tuple(map(_answer, pieces, predictions)),
        num_tokens=sum(piece.encoding.num_tokens for piece in pieces),
        revision=revisions.pop(),
    )


def _join(sections: Sequence[Section]) -> Section:
    """Returns one section of all written words, with a blank line between the parts."""
    written = [section for section in sections if section.spans]
    if not written:
        return Section(None, 1, "", 0, 0, ())
    spans = list(written[0].spans)
    for section in written[1:]:
        blank = spans[-1][1]
        spans += [(blank, blank), *section.spans]
    text = "\n\n".join(section.text for section in written)
    return Section(None, 1, text, spans[0][0], spans[-1][1], tuple(spans))


def _cut(section: Section, *, windows: Sequence[Window]) -> list[Piece]:
    bounds = [(section.start, section.end)] * len(windows)
    if section.spans and len(windows) > 1:
        bounds = _locate([(window.start, window.end) for window in windows], spans=section.spans)
    return [
        Piece(section.name, section.repeats, start, end, window.encoding)
        for (start, end), window in zip(bounds, windows, strict=True)
    ]


def _locate(
    bounds: Sequence[tuple[int, int]], *, spans: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Returns the positions in the lyrics of bounds in a section's text."""
    line_starts = [0, *accumulate(end - start + 1 for start, end in spans)][:-1]

    def place(offset: int, line: int) -> int:
        start, end = spans[line]
        return min(start + offset - line_starts[line], end)

    return [
        (
            place(start, bisect_right(line_starts, start) - 1),
            # An end at the start of a line comes after the line feed before it.
            place(end, max(bisect_left(line_starts, end) - 1, 0)),
        )
        for start, end in bounds
    ]


def _mean(scores: Sequence[Mapping[str, float]], *, weights: Sequence[int]) -> dict[str, float]:
    # Probabilities are FP32 and weights small, so the products are exact: the mean of one piece
    # equals its scores, and no mean is above 1.
    rows, total = list(zip(scores, weights, strict=True)), sum(weights)
    return {label: fsum(row[label] * weight for row, weight in rows) / total for label in scores[0]}


def _answer(piece: Piece, prediction: Prediction) -> Part:
    return Part(piece.name, piece.repeats, piece.start, piece.end, prediction)
