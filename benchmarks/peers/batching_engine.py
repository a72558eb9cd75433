"""An engine that takes padded batches, at the setting that is fastest for it.

The setting is the number of rows in a batch, and how the threads are shared: all of them on one
batch, or batches side by side with fewer threads each (lanes). It is found by measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from peers.padding import Padded, Row, cut

BATCH_SIZES = (2, 4, 8, 16)
TUNING_S = 0.3  # of each setting, at least, once it is warm

# input_ids and attention_mask, both (num_rows, length), in; logits, (num_rows, num_labels), out.
Model = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


class Engine(Protocol):
    """What every engine can do; `str` describes its setting."""

    def tune(self, rows: Sequence[Row]) -> None:
        """Finds the setting that is fastest for such rows."""

    def predict(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Returns the probabilities of each row, (num_rows, num_labels)."""


@dataclass(frozen=True)
class Lanes:
    """How a model is loaded.

    Attributes:
        num_lanes: batches side by side.
        num_threads: of each lane.
    """

    num_lanes: int
    num_threads: int

    def __str__(self) -> str:
        return f"{self.num_lanes} x {self.num_threads} threads"


class BatchingEngine:
    """An engine of padded batches.

    Args:
        load: loads the model for some lanes; what it returns is called from as many threads.
        num_threads: of all lanes together.
    """

    def __init__(self, load: Callable[[Lanes], Model], *, num_threads: int) -> None:
        self._load = load
        self._choices = list_lanes(num_threads)
        self._lanes, self._batch_size = self._choices[0], BATCH_SIZES[0]
        self._models: dict[Lanes, Model] = {}
        self._pool = ThreadPoolExecutor(num_threads)

    def __str__(self) -> str:
        return f"{self._lanes}, batches of {self._batch_size}"

    def tune(self, rows: Sequence[Row]) -> None:
        """Chooses the lanes, then the rows in a batch."""

        def measure(lanes: Lanes, batch_size: int) -> float:
            return self._time(rows, lanes=lanes, batch_size=batch_size)

        sizes = [size for size in BATCH_SIZES if size <= len(rows)] or [BATCH_SIZES[0]]
        middle = sizes[len(sizes) // 2]
        lanes_s = {lanes: measure(lanes, middle) for lanes in self._choices}
        self._lanes = min(lanes_s, key=lambda lanes: lanes_s[lanes])
        sizes_s = {size: measure(self._lanes, size) for size in sizes if size != middle}
        sizes_s[middle] = lanes_s[self._lanes]
        self._batch_size = min(sizes_s, key=lambda size: sizes_s[size])

    def drop_unused(self) -> None:
        """Frees the models of lanes that were not chosen."""
        self._models = {lanes: each for lanes, each in self._models.items() if lanes == self._lanes}

    def predict(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Returns the probabilities of each row, (num_rows, num_labels)."""
        return self._run(rows, lanes=self._lanes, batch_size=self._batch_size)

    def _time(self, rows: Sequence[Row], *, lanes: Lanes, batch_size: int) -> float:
        """Returns the seconds of the fastest run; other processes only make a run slower."""
        self._run(rows, lanes=lanes, batch_size=batch_size)
        times: list[float] = []
        while not times or sum(times) < TUNING_S:
            start = perf_counter()
            self._run(rows, lanes=lanes, batch_size=batch_size)
            times.append(perf_counter() - start)
        return min(times)

    def _run(self, rows: Sequence[Row], *, lanes: Lanes, batch_size: int) -> NDArray[np.float32]:
        if lanes not in self._models:
            self._models[lanes] = self._load(lanes)
        model = self._models[lanes]

        def compute(batch: Padded) -> NDArray[np.float32]:
            return model(batch.input_ids, batch.attention_mask)

        batches = cut(rows, batch_size=batch_size)
        is_shared = lanes.num_lanes > 1
        parts: Iterable[NDArray[np.float32]] = (
            self._pool.map(compute, batches) if is_shared else map(compute, batches)
        )
        places = [i for batch in batches for i in batch.places]
        logits = np.concatenate(list(parts))  # (num_rows, num_labels), the longest row first
        return softmax(logits)[np.argsort(places)]


def list_lanes(num_threads: int) -> list[Lanes]:
    """Returns the ways to share threads: 1, 2, 4, ... lanes, with equal threads each."""
    counts = [2**i for i in range(num_threads.bit_length())]
    return [Lanes(count, num_threads // count) for count in counts]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns (num_rows, num_labels) float32 whose rows have the sum 1."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
