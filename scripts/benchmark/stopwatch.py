"""How long something takes, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch

MIN_REPEATS = 3


@dataclass(frozen=True)
class Stopwatch:
    """Times work again and again.

    Attributes:
        device: where the work runs.
        seconds: that each measurement goes on, at least.
    """

    device: torch.device
    seconds: float

    def measure(self, work: Callable[[], Any]) -> float:
        """Returns the median seconds of one run, after one that does not count."""
        self._run(work)
        times: list[float] = []
        while sum(times) < self.seconds or len(times) < MIN_REPEATS:
            times.append(self._run(work))
        return median(times)

    def _run(self, work: Callable[[], Any]) -> float:
        start = perf_counter()
        work()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return perf_counter() - start
