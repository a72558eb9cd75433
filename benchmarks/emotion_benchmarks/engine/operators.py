"""Where the time of a forward pass goes, operator by operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from time import perf_counter
from typing import Any

import torch
from emotion_engine.native import NativeEncoder
from torch.profiler import ProfilerActivity, profile

# Fragment of an operator's name to its kind; the first match counts.
KINDS = {
    "linear": "linear",
    "addmm": "linear",
    "mm": "linear",
    "attention": "attention",
    "softmax": "attention",
    "gelu": "gelu",
    "layer_norm": "layer norm",
    "index": "copies",
    "copy": "copies",
    "cat": "copies",
    "embedding": "embedding",
}
NUM_RUNS = 3


def split(work: Callable[[], Any], *, device: torch.device) -> dict[str, float]:
    """Returns the kinds of operators with their shares of the time, the greatest first.

    The shares are of the operators' own time, without Python between them, and their sum is 1.
    """
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    work()
    with profile(activities=activities) as profiler:
        for _ in range(NUM_RUNS):
            work()
    shares: dict[str, float] = defaultdict(float)
    for event in profiler.key_averages():
        own = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        shares[name_kind(event.key)] += own
    total = sum(shares.values()) or 1.0
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return {kind: value / total for kind, value in ordered}


def split_native(
    work: Callable[[], Any], *, encoder: NativeEncoder, num_threads: int
) -> dict[str, float]:
    """Returns the same for the C++ encoder, from its own timers.

    "other" is what its threads do not count: the head, Python, and waiting for the last thread.
    """
    work()
    before, start = encoder.read_times(), perf_counter()
    for _ in range(NUM_RUNS):
        work()
    total = num_threads * (perf_counter() - start)
    shares = {
        part: (seconds - before[part]) / total for part, seconds in encoder.read_times().items()
    }
    shares["other"] = 1 - sum(shares.values())
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def name_kind(operator: str) -> str:
    """Returns the kind of an operator, "other" if it is not one of `KINDS`."""
    for fragment, kind in KINDS.items():
        if fragment in operator.lower():
            return kind
    return "other"
