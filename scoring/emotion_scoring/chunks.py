"""Batches of any size, cut into chunks that are scored one by one, and put together again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from emotion_scoring.scorer import Texts
from emotion_scoring.scores import Scores, join

T = TypeVar("T")
R = TypeVar("R")
# Of a chunk; a tokenized character takes about 80 bytes. 512 lyrics have 200,000.
MAX_CHUNK_CHARS = 1 << 21


@dataclass(frozen=True)
class Share:
    """What a chunk has of a batch.

    Attributes:
        num_texts: consecutive texts.
        is_last: whether the batch ends with them.
    """

    num_texts: int
    is_last: bool


@dataclass(frozen=True)
class Chunk:
    """Consecutive texts of one batch or several: small ones are scored together.

    Attributes:
        texts: of which none may be a text.
        shares: of the batches that they come from.
    """

    texts: list[object]
    shares: list[Share]


def cut(batches: Iterable[Texts], *, size: int) -> Iterator[Chunk]:
    """Yields the texts of all batches in chunks of the same number, fewer if they are long.

    Args:
        batches: texts.
        size: texts of a chunk.
    """
    chunk, num_chars = Chunk([], []), 0
    for batch in batches:
        num_texts = 0  # of this batch in the chunk
        for text in batch:
            text_len = len(text) if isinstance(text, str) else 0
            is_full = len(chunk.texts) == size or num_chars + text_len > MAX_CHUNK_CHARS
            if chunk.texts and is_full:
                chunk.shares.append(Share(num_texts, is_last=False))
                yield chunk
                chunk, num_chars, num_texts = Chunk([], []), 0, 0
            chunk.texts.append(text)
            num_chars, num_texts = num_chars + text_len, num_texts + 1
        chunk.shares.append(Share(num_texts, is_last=True))
    if chunk.shares:
        yield chunk


def join_batches(
    results: Iterable[tuple[Chunk, Scores]], *, advance: Callable[[int], object]
) -> Iterator[Scores]:
    """Yields the scores of each batch.

    Args:
        results: of each chunk, in order.
        advance: called with the number of texts of each chunk.
    """
    pieces: list[Scores] = []
    for chunk, scores in results:
        advance(len(chunk.texts))
        start = 0
        for share in chunk.shares:
            pieces.append(scores.take(start, start + share.num_texts))
            start += share.num_texts
            if share.is_last:
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
