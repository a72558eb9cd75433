"""The figures of a load test, from all of its calls and from Triton's own counters. No I/O."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from server_load import ServerLoad
from traffic.samples import Calls

PERCENTILES = (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True)
class Window:
    """The part of a run that counts, Unix time: what is before is warm-up."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Its length, above 0."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Figures:
    """What the callers saw.

    Attributes:
        seconds: length of the window.
        num_calls: due in it.
        due_per_s: calls due a second: in an open loop, the rate that was sent.
        texts_per_s: texts whose answers came within the window, a second.
        answered_share: those texts as a share of the texts that were due in it: below 1 where
            answers do not keep up with arrivals, above it where a backlog is worked off.
        error_share: share of the calls that failed, 0 to 1.
        failures: how often by name of the error.
        percentiles_ms: latency of the calls, from when they were due, by percentile. A failed call
            is slower than any: it counts as infinite. Without a call, all are NaN.
        max_ms: of the slowest answered call.
    """

    seconds: float
    num_calls: int
    due_per_s: float
    texts_per_s: float
    answered_share: float
    error_share: float
    failures: dict[str, int]
    percentiles_ms: dict[float, float]
    max_ms: float


@dataclass(frozen=True)
class Poll:
    """Triton's counters at a moment, Unix time."""

    time_s: float
    load: ServerLoad


@dataclass(frozen=True)
class ServerFigures:
    """What Triton says of the same time, for whoever called it.

    Attributes:
        seconds: between the first and the last look at its counters.
        rows_per_s: that it answered.
        rows_per_batch: mean batch.
        queue_ms: mean wait of a request.
        busy_share: share of the time in which the model computed; 2 instances can reach 2.
        difference: how many texts more the server counted than the callers, as a share of
            theirs; clearly above 0 where others call the same server.
    """

    seconds: float
    rows_per_s: float
    rows_per_batch: float
    queue_ms: float
    busy_share: float
    difference: float


def measure(calls: Calls, *, window: Window) -> Figures:
    """Returns the figures of the calls that were due in the window, and the rate within it.

    Args:
        calls: all calls of the run.
        window: the part that counts.
    """
    due = calls.choose(is_within(calls.due_s, window))
    answered = due.choose(due.is_answered)
    failures = Counter(due.failures[~due.is_answered].tolist())
    latency_ms: NDArray[np.float64] = 1000.0 * np.where(due.is_answered, due.latency_s, np.inf)
    num_answered = count_answered(calls, window=window)
    return Figures(
        seconds=window.seconds,
        num_calls=len(due.due_s),
        due_per_s=len(due.due_s) / window.seconds,
        texts_per_s=num_answered / window.seconds,
        answered_share=num_answered / max(1, int(due.num_texts.sum())),
        error_share=sum(failures.values()) / max(1, len(due.due_s)),
        failures=dict(failures.most_common()),
        percentiles_ms={each: percentile(latency_ms, each) for each in PERCENTILES},
        max_ms=float(1000 * answered.latency_s.max()) if len(answered.due_s) else float("nan"),
    )


def measure_server(polls: Sequence[Poll], *, calls: Calls, window: Window) -> ServerFigures | None:
    """Returns what Triton counted in the window; None where it was looked at less than twice.

    Args:
        polls: in the order of time.
        calls: all calls of the run.
        window: the part that counts.
    """
    within = [poll for poll in polls if window.start_s <= poll.time_s <= window.end_s]
    if len(within) < 2:
        return None
    looked = Window(within[0].time_s, within[-1].time_s)
    load = within[-1].load - within[0].load
    num_answered = count_answered(calls, window=looked)
    return ServerFigures(
        seconds=looked.seconds,
        rows_per_s=load.num_rows / looked.seconds,
        rows_per_batch=load.num_rows / max(1, load.num_batches),
        queue_ms=1000 * load.queue_s / max(1, load.num_requests),
        busy_share=load.busy_s / looked.seconds,
        difference=(load.num_rows - num_answered) / max(1, num_answered),
    )


def count_answered(calls: Calls, *, window: Window) -> int:
    """Returns how many texts' answers came within a window."""
    ended = calls.choose(is_within(calls.end_s, window) & calls.is_answered)
    return int(ended.num_texts.sum())


def percentile(values: NDArray[np.float64], percent: float) -> float:
    """Returns the smallest value that so many percent of the values do not exceed; NaN for none.

    Args:
        values: (num_values,) float64.
        percent: above 0, at most 100.
    """
    if not len(values):
        return float("nan")
    # Rounded, since 99.9 / 100 is a bit more than it says: of 1,000 values the 999th, not the last.
    rank = math.ceil(round(len(values) * percent / 100, 6))
    return float(np.partition(values, rank - 1)[rank - 1])


def is_within(times_s: NDArray[np.float64], window: Window) -> NDArray[np.bool_]:
    """Tells which moments are in the window: (num_calls,) bool."""
    return (times_s >= window.start_s) & (times_s < window.end_s)
