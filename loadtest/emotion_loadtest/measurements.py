"""The figures of a run, from all of its calls and from Triton's own counters. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from emotion_server.counters import ServerLoad
from numpy.typing import NDArray

from emotion_loadtest.samples import Calls

MIN_MEASURED_S = 1.0
"""The shortest part of a run, after its warm-up, that gives figures."""
PERCENTILES = {f"p{percent:g}": percent for percent in (50.0, 75.0, 90.0, 95.0, 99.0, 99.9)}


@dataclass(frozen=True)
class Window:
    """The part of a run that counts, Unix time; what comes before it is warm-up."""

    start_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """Its length, above 0."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class CallerFigures:
    """What the callers saw.

    Attributes:
        seconds: length of the window.
        num_calls: due in it.
        due_per_s: calls due a second: in an open loop, the rate that was sent.
        texts_per_s: texts whose answers came within the window, a second.
        answered_share: those texts as a share of the texts that were due in it: below 1 where
            answers do not keep up with arrivals, above it where a backlog is worked off.
        error_share: share of the calls that failed, 0 to 1.
        failures: name of the error to the number of calls.
        percentiles_ms: latency of the calls, from when they were due, by name of `PERCENTILES`. A
            failed call is slower than any: it counts as infinite. Without a call, all are NaN.
        max_ms: of the slowest answered call.
    """

    seconds: float
    num_calls: int
    due_per_s: float
    texts_per_s: float
    answered_share: float
    error_share: float
    failures: dict[str, int]
    percentiles_ms: dict[str, float]
    max_ms: float


@dataclass(frozen=True)
class Poll:
    """Triton's counters at a moment, Unix time."""

    time_s: float
    load: ServerLoad


@dataclass(frozen=True)
class ServerFigures:
    """What Triton counted in the same time, for all of its callers.

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


@dataclass(frozen=True)
class Second:
    """What the callers saw in one second; latencies are NaN where nothing was answered.

    Attributes:
        elapsed_s: its beginning, from the run's start.
        due: calls that were due.
        texts_per_s: texts whose answers came.
        failed: calls that were due and failed.
        p50_ms: median latency of those that were due.
        p99_ms: 99th percentile of it.
    """

    elapsed_s: int
    due: int
    texts_per_s: int
    failed: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Look:
    """What Triton did between two polls of its counters; NaN where it did nothing.

    Attributes:
        elapsed_s: middle of the time between them, from the run's start.
        rows_per_batch: mean batch.
        queue_ms: mean wait of a request.
    """

    elapsed_s: float
    rows_per_batch: float
    queue_ms: float


def measure_callers(calls: Calls, *, window: Window) -> CallerFigures:
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
    return CallerFigures(
        seconds=window.seconds,
        num_calls=len(due.due_s),
        due_per_s=len(due.due_s) / window.seconds,
        texts_per_s=num_answered / window.seconds,
        answered_share=num_answered / max(1, int(due.num_texts.sum())),
        error_share=sum(failures.values()) / max(1, len(due.due_s)),
        failures=dict(failures.most_common()),
        percentiles_ms={
            name: percentile(latency_ms, percent) for name, percent in PERCENTILES.items()
        },
        max_ms=float(1000 * answered.latency_s.max()) if len(answered.due_s) else float("nan"),
    )


def measure_server(polls: Sequence[Poll], *, calls: Calls, window: Window) -> ServerFigures | None:
    """Returns what Triton counted in the window; None with fewer than two polls in it.

    Args:
        polls: in the order of time.
        calls: all calls of the run.
        window: the part that counts.
    """
    within = [poll for poll in polls if window.start_s <= poll.time_s <= window.end_s]
    if len(within) < 2:
        return None
    polled = Window(within[0].time_s, within[-1].time_s)
    load = within[-1].load - within[0].load
    num_answered = count_answered(calls, window=polled)
    return ServerFigures(
        seconds=polled.seconds,
        rows_per_s=load.num_rows / polled.seconds,
        rows_per_batch=load.num_rows / max(1, load.num_batches),
        queue_ms=1000 * load.queue_s / max(1, load.num_requests),
        busy_share=load.busy_s / polled.seconds,
        difference=(load.num_rows - num_answered) / max(1, num_answered),
    )


def measure_seconds(calls: Calls, *, start_s: float, end_s: float) -> list[Second]:
    """Returns the run second by second.

    Args:
        calls: of the run.
        start_s: when it began, Unix time.
        end_s: when it ended.
    """
    edges_s = start_s + np.arange(max(1, round(end_s - start_s)) + 1)
    answered = calls.choose(calls.is_answered)
    bins = [*edges_s, np.inf]  # a last bin, which numpy closes on both sides
    num_texts, _ = np.histogram(answered.end_s, bins=bins, weights=answered.num_texts)
    # Every call is in one second: those that were due a moment before or after, in the nearest.
    order = np.argsort(calls.due_s)
    cuts = np.split(order, np.searchsorted(calls.due_s[order], edges_s[1:-1]))
    return [
        _measure_second(calls.choose(due), elapsed_s=elapsed_s, num_texts=int(num_texts[elapsed_s]))
        for elapsed_s, due in enumerate(cuts)
    ]


def measure_looks(polls: Sequence[Poll], *, start_s: float) -> list[Look]:
    """Returns what Triton did between each two polls."""
    looks = []
    for earlier, later in pairwise(polls):
        load = later.load - earlier.load
        looks.append(
            Look(
                elapsed_s=(earlier.time_s + later.time_s) / 2 - start_s,
                rows_per_batch=load.num_rows / load.num_batches if load.num_batches else np.nan,
                queue_ms=1000 * load.queue_s / load.num_requests if load.num_requests else np.nan,
            )
        )
    return looks


def count_answered(calls: Calls, *, window: Window) -> int:
    """Returns the number of texts whose answers came within a window."""
    ended = calls.choose(is_within(calls.end_s, window) & calls.is_answered)
    return int(ended.num_texts.sum())


def percentile(values: NDArray[np.float64], percent: float) -> float:
    """Returns the smallest value that `percent` of the values do not exceed; NaN for none.

    Args:
        values: (num_values,) float64.
        percent: above 0, at most 100.
    """
    if not len(values):
        return float("nan")
    # Rounded, since 99.9 / 100 is a bit more than it says: of 1,000 values the 999th, not the last.
    return float(np.quantile(values, round(percent / 100, 6), method="inverted_cdf"))


def is_within(times_s: NDArray[np.float64], window: Window) -> NDArray[np.bool_]:
    """Tells which moments are in the window: (num_calls,) bool."""
    return (times_s >= window.start_s) & (times_s < window.end_s)


def _measure_second(due: Calls, *, elapsed_s: int, num_texts: int) -> Second:
    latency_ms = 1000 * due.latency_s[due.is_answered]
    return Second(
        elapsed_s=elapsed_s,
        due=len(due.due_s),
        texts_per_s=num_texts,
        failed=int(np.count_nonzero(~due.is_answered)),
        p50_ms=percentile(latency_ms, 50),
        p99_ms=percentile(latency_ms, 99),
    )
