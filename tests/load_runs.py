"""Calls and runs of a load test, built by hand: those of a steady server, and changes to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from emotion_loadtest.capacity import Step
from emotion_loadtest.measurements import Poll
from emotion_loadtest.samples import Calls, Sample
from emotion_loadtest.targets import Targets
from emotion_loadtest.verdict import GeneratorLoad, Run, conclude
from emotion_server.counters import ServerLoad

# Of today, where floats are still precise to a millionth of a second.
START_S = 1_700_000_000.0
IDLE_GENERATOR = GeneratorLoad(cpu_share=0.25, num_processes=2)
BUSY_GENERATOR = GeneratorLoad(cpu_share=0.99, num_processes=1)


def build_samples(
    num_seconds: int = 8,
    *,
    per_s: int = 16,
    latency_s: float = 0.25,
    late_s: float = 0.0,
    num_texts: int = 1,
    failure: str = "",
) -> list[Sample]:
    """Calls that are due at equal distances from the run's start on, all with the same outcome."""
    return [
        Sample(START_S + i / per_s, late_s, latency_s, num_texts, failure)
        for i in range(num_seconds * per_s)
    ]


def build_polls(
    num_seconds: int = 8, *, rows_per_s: int = 16, rows_per_batch: int = 4
) -> list[Poll]:
    """Polls of a server that was used before, one a second; a request waits 50 ms."""
    return [
        Poll(
            START_S + i,
            ServerLoad(
                num_rows=1000 + i * rows_per_s,
                num_batches=100 + i * rows_per_s // rows_per_batch,
                busy_s=50 + i * 0.5,
                num_requests=1000 + i * rows_per_s,
                queue_s=5 + i * rows_per_s * 0.05,
            ),
        )
        for i in range(num_seconds + 1)
    ]


def build_run(samples: Sequence[Sample] | None = None, **changes: Any) -> Run:
    """Eight seconds of a steady server, two of them warm-up, without targets."""
    samples = build_samples() if samples is None else samples
    settings: dict[str, Any] = {
        "start_s": START_S,
        "end_s": START_S + 8,
        "warm_up_s": 2.0,
        "polls": build_polls(),
        "generator": IDLE_GENERATOR,
        "targets": Targets(),
        "facts": {"server": "127.0.0.1:8001"},
    }
    return conclude(Calls.of(samples), **{**settings, **changes})


def build_step(rate: float, *, p99_ms: float = 100.0, **changes: Any) -> Step:
    """A rate that the server kept up with."""
    settings: dict[str, Any] = {
        "due_per_s": rate,
        "done_per_s": rate,
        "p50_ms": p99_ms / 4,
        "p95_ms": p99_ms / 2,
        "error_share": 0.0,
    }
    return Step(rate, p99_ms=p99_ms, **{**settings, **changes})
