"""The rows that the engine is timed on."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Quantiles of the token counts of lyrics, truncated at 128: docs/capacity.md.
LYRIC_QUANTILES = {0.0: 3, 0.1: 38, 0.3: 62, 0.5: 104, 0.55: 128, 1.0: 128}


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
        """Returns random ids, (row_len,) int64 a row."""
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


def _build_lyrics(num_rows: int, *, max_length: int) -> Workload:
    ranks = (np.arange(num_rows) + 0.5) / num_rows
    lens = np.interp(ranks, list(LYRIC_QUANTILES), list(LYRIC_QUANTILES.values()))
    row_lens = [min(round(each), max_length) for each in lens.tolist()]
    random.Random(1).shuffle(row_lens)  # noqa: S311, for lengths, not for secrets
    return Workload(f"{num_rows} lyrics", tuple(row_lens))
