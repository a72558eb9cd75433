"""Rows of token ids in padded batches: sorted by length, so that little is padding. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Row = Sequence[int]


@dataclass(frozen=True, eq=False)
class Padded:
    """Some rows, padded to the longest of them.

    Attributes:
        places: where they were among all rows.
        input_ids: (num_rows, longest) int64; 0 is padding, as in BERT's vocabularies.
        attention_mask: (num_rows, longest) int64, 1 for real tokens.
    """

    places: list[int]
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]


def cut(rows: Sequence[Row], *, batch_size: int) -> list[Padded]:
    """Sorts rows by length, and cuts them into batches.

    The longest come first: lanes that share the batches then end at nearly the same time.
    """
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
    starts = range(0, len(order), batch_size)
    return [pad(rows, places=order[start : start + batch_size]) for start in starts]


def pad(rows: Sequence[Row], *, places: list[int]) -> Padded:
    """Pads the rows at these places to the longest of them."""
    shape = (len(places), max(len(rows[i]) for i in places))
    input_ids, attention_mask = (np.zeros(shape, dtype=np.int64) for _ in range(2))
    for line, i in enumerate(places):
        input_ids[line, : len(rows[i])] = rows[i]
        attention_mask[line, : len(rows[i])] = 1
    return Padded(places, input_ids, attention_mask)
