"""Rows laid end to end in one token stream, so that no padding is computed.

As in flash-attention's variable-length batches: one stream of tokens, and the offsets `cu_seqlens`
at which its rows begin and end.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SMALLEST_SIZE = 16
SIZES_PER_OCTAVE = 8


@dataclass(frozen=True)
class PackedBatch:
    """The rows of one forward pass, shortest first.

    Attributes:
        rows: (num_rows,) int64, the index of each row in the list that was packed.
        input_ids: (num_computed_tokens,) int64, all rows laid end to end, then filler.
        cu_seqlens: (num_rows + 1,) int64, row i is `input_ids[cu_seqlens[i]:cu_seqlens[i + 1]]`.
    """

    rows: NDArray[np.int64]
    input_ids: NDArray[np.int64]
    cu_seqlens: NDArray[np.int64]

    def __str__(self) -> str:
        return f"{self.num_rows} rows of {self.num_tokens} tokens"

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self.rows)

    @property
    def num_tokens(self) -> int:
        """Number of real tokens."""
        return int(self.cu_seqlens[-1])

    @property
    def num_computed_tokens(self) -> int:
        """Number of tokens, including the filler that rounds up to a warmed size."""
        return len(self.input_ids)

    @property
    def row_lens(self) -> NDArray[np.int64]:
        """(num_rows,) int64, the number of tokens of each row."""
        return np.diff(self.cu_seqlens)

    def positions(self) -> NDArray[np.int64]:
        """Returns (num_computed_tokens,) int64, each token's position in its row; 0 for filler."""
        positions = np.zeros(self.num_computed_tokens, dtype=np.int64)
        starts = np.repeat(self.cu_seqlens[:-1], self.row_lens)
        positions[: self.num_tokens] = np.arange(self.num_tokens) - starts
        return positions

    def positions_after(self, padding_id: int) -> NDArray[np.int64]:
        """Returns (num_computed_tokens,) int64, RoBERTa's positions, which begin after this id.

        A text may contain the padding token ("<pad>"). As in the stock model, it gets the padding
        position and is not counted.
        """
        is_counted = self.input_ids[: self.num_tokens] != padding_id
        num_counted = np.concatenate([[0], np.cumsum(is_counted)])  # before each token
        before_row = np.repeat(num_counted[self.cu_seqlens[:-1]], self.row_lens)
        positions = np.full(self.num_computed_tokens, padding_id, dtype=np.int64)
        positions[: self.num_tokens] += (num_counted[1:] - before_row) * is_counted
        return positions


@lru_cache
def token_sizes(max_batch_tokens: int) -> tuple[int, ...]:
    """Returns the token counts that forwards are rounded up to, ascending.

    oneDNN and the CUDA libraries prepare a kernel for each new matrix shape, which can take
    hundreds of milliseconds. A fixed set of sizes can be prepared before the first request:
    multiples of 16 up to 128, then eight sizes from each power of two to the next. There, rounding
    adds 4 % on average and at most 12.5 %.
    """
    sizes, size = [], SMALLEST_SIZE
    while size < max_batch_tokens:
        sizes.append(size)
        octave = 1 << (size.bit_length() - 1)
        size += max(SMALLEST_SIZE, octave // SIZES_PER_OCTAVE)
    return (*sizes, max_batch_tokens)


def pack(
    rows: Sequence[NDArray[np.int64]], *, max_batch_tokens: int, is_padded: bool = False
) -> Iterator[PackedBatch]:
    """Packs rows into forwards within the token budget, rows of similar length together.

    Args:
        rows: the ids of each row, (row_len,) int64, none longer than `max_batch_tokens`.
        max_batch_tokens: maximum tokens per forward pass.
        is_padded: count every row as long as the longest of its batch.
    """
    by_length = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    batch: list[int] = []
    num_tokens = 0
    for i in by_length:
        # Rows come shortest first, so this one is the longest of the batch.
        num_with = len(rows[i]) * (len(batch) + 1) if is_padded else num_tokens + len(rows[i])
        if batch and num_with > max_batch_tokens:
            yield _lay_out(rows, batch, max_batch_tokens=max_batch_tokens)
            batch, num_with = [], len(rows[i])
        batch.append(i)
        num_tokens = num_with
    if batch:
        yield _lay_out(rows, batch, max_batch_tokens=max_batch_tokens)


def _lay_out(
    rows: Sequence[NDArray[np.int64]], chosen: Sequence[int], *, max_batch_tokens: int
) -> PackedBatch:
    cu_seqlens = np.cumsum([0, *(len(rows[i]) for i in chosen)], dtype=np.int64)
    sizes = token_sizes(max_batch_tokens)
    input_ids = np.zeros(sizes[bisect_left(sizes, cu_seqlens[-1])], dtype=np.int64)
    np.concatenate([rows[i] for i in chosen], out=input_ids[: cu_seqlens[-1]])
    return PackedBatch(np.array(chosen, dtype=np.int64), input_ids, cu_seqlens)
