"""What the machine can do at most: torch's matmul at a model's own shapes."""

from __future__ import annotations

import torch
from torch.nn.functional import linear

from benchmark.shape import Shape
from benchmark.stopwatch import Stopwatch


def measure_peak(
    shape: Shape, *, num_tokens: int, dtype: torch.dtype, stopwatch: Stopwatch
) -> float:
    """Returns floating-point operations a second.

    Args:
        shape: of the model.
        num_tokens: rows of the left matrix, as in a forward pass.
        dtype: of both matrices.
        stopwatch: its device, too, is where they are multiplied.
    """
    flops, seconds = 0.0, 0.0
    with torch.inference_mode():
        for inputs, outputs in shape.matmuls():
            tokens = torch.randn(num_tokens, inputs, device=stopwatch.device).to(dtype)
            weight = torch.randn(outputs, inputs, device=stopwatch.device).to(dtype)
            seconds += stopwatch.measure(lambda a=tokens, b=weight: linear(a, b))  # type: ignore[misc]
            flops += 2.0 * num_tokens * inputs * outputs
    return flops / seconds
