"""Batches of any size, cut into chunks that are scored one by one, and joined again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from emotion_scoring.scorer import Texts
from emotion_scoring.scores import Scores, join

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Chunk:
    """Consecutive texts of a batch.

    Attributes:
        texts: of which none may be a text.
        is_last: whether the batch ends with it.
    """

    texts: Texts
    is_last: bool


def cut(batches: Iterable[Texts], *, size: int) -> Iterator[Chunk]:
    """Yields the chunks of each batch, one without texts for an empty batch."""
    for batch in batches:
        for start in range(0, max(len(batch), 1), size):
            yield Chunk(batch[start : start + size], is_last=start + size >= len(batch))


def join_batches(
    results: Iterable[tuple[Chunk, Scores]], *, advance: Callable[[int], object]
) -> Iterator[Scores]:
    """Yields the scores of each batch.

    Args:
        results: of each chunk, in order.
        advance: called with the number of texts of each.
    """
    pieces: list[Scores] = []
    for chunk, scores in results:
        pieces.append(scores)
        advance(len(chunk.texts))
        if chunk.is_last:
            yield join(pieces)
            pieces = []


def keep_busy(
    chunks: Iterable[Chunk],
    *,
    start: Callable[[Chunk], T],
    finish: Callable[[T], R],
    num_ahead: int,
) -> Iterator[tuple[Chunk, R]]:
    """Yields each chunk with its result, in order, while later ones are under way.

    Args:
        chunks: what to do.
        start: begins one.
        finish: waits for its result.
        num_ahead: chunks that are under way at a time.
    """
    under_way: deque[tuple[Chunk, T]] = deque()
    for chunk in chunks:
        under_way.append((chunk, start(chunk)))
        if len(under_way) >= num_ahead:
            first, begun = under_way.popleft()
            yield first, finish(begun)
    for first, begun in under_way:
        yield first, finish(begun)
