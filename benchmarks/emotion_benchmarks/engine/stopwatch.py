"""How long work takes on a CPU or a GPU, and how fast the machine can be at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch.nn.functional import linear

from emotion_benchmarks.engine.shape import Shape

MIN_REPEATS = 3


def find_device(name: str) -> torch.device:
    """Returns a device that can be used.

    Raises:
        ValueError: it is unknown, or this machine does not have it.
    """
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"{name}: {str(error).splitlines()[0]}") from error
    return device


@dataclass(frozen=True)
class Stopwatch:
    """Times work again and again.

    Attributes:
        device: where the work runs.
        seconds: of each measurement, at least.
    """

    device: torch.device
    seconds: float

    def measure(self, work: Callable[[], Any]) -> float:
        """Returns the median seconds of one run; a first run does not count."""
        self._run(work)
        times: list[float] = []
        while sum(times) < self.seconds or len(times) < MIN_REPEATS:
            times.append(self._run(work))
        return median(times)

    def measure_peak(self, shape: Shape, *, num_tokens: int, dtype: torch.dtype) -> float:
        """Returns floating-point operations per second of torch's matmul at a model's own shapes.

        Args:
            shape: of the model.
            num_tokens: rows of the left matrix, as in a forward pass.
            dtype: of both matrices.
        """
        flops, seconds = 0.0, 0.0
        with torch.inference_mode():
            for inputs, outputs in shape.matmuls():
                tokens = torch.randn(num_tokens, inputs, device=self.device).to(dtype)
                weight = torch.randn(outputs, inputs, device=self.device).to(dtype)
                seconds += self.measure(lambda a=tokens, b=weight: linear(a, b))  # type: ignore[misc]
                flops += 2.0 * num_tokens * inputs * outputs
        return flops / seconds

    def _run(self, work: Callable[[], Any]) -> float:
        start = perf_counter()
        work()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return perf_counter() - start
