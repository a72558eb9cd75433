"""The rows that the engine is timed on."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from emotion_loadtest.texts import LYRIC_LIMIT, LYRIC_QUANTILES
from numpy.typing import NDArray

NUM_EQUAL_ROWS = 64
MIN_ROW_LEN = 8


@dataclass(frozen=True)
class Workload:
    """Rows of one call.

    Attributes:
        name: for tables.
        row_lens: tokens of each row.
    """

    name: str
    row_lens: tuple[int, ...]

    def make_rows(self, *, vocab_size: int, seed: int = 1) -> list[NDArray[np.int64]]:
        """Returns random ids, (row_len,) int64 for each row."""
        rng = np.random.default_rng(seed)
        return [rng.integers(1, vocab_size, each, dtype=np.int64) for each in self.row_lens]


def build_workloads(*, max_length: int) -> list[Workload]:
    """Returns a lone row of 32 tokens, 64 rows of 128, and 8 and 64 rows of the lyric mix."""
    return [
        Workload("1 row of 32", (min(32, max_length),)),
        Workload("64 rows of 128", (min(128, max_length),) * 64),
        _build_lyrics(8, max_length=max_length),
        _build_lyrics(64, max_length=max_length),
    ]


def build_lengths(*, max_length: int) -> list[Workload]:
    """Returns calls of equal rows: 8 tokens a row, then twice as many each time."""
    row_lens = [2**i for i in range(max_length.bit_length()) if MIN_ROW_LEN <= 2**i <= max_length]
    return [Workload(str(each), (each,) * NUM_EQUAL_ROWS) for each in row_lens]


def _build_lyrics(num_rows: int, *, max_length: int) -> Workload:
    ranks = (np.arange(num_rows) + 0.5) / num_rows
    lens = np.interp(ranks, list(LYRIC_QUANTILES), list(LYRIC_QUANTILES.values()))
    row_lens = [min(round(each), LYRIC_LIMIT, max_length) for each in lens.tolist()]
    random.Random(1).shuffle(row_lens)  # noqa: S311, for lengths, not for secrets
    return Workload(f"{num_rows} lyrics", tuple(row_lens))
