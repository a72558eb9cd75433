"""A run second by second, for its pictures. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from traffic.samples import Calls

from verdict.figures import Poll, percentile


@dataclass(frozen=True)
class Second:
    """What the callers saw in one second; latencies are NaN where nothing was answered.

    Attributes:
        elapsed_s: its beginning, from the run's start.
        due: calls that were due.
        texts_per_s: texts whose answers came.
        failed: calls that were due and failed.
        p50_ms: median latency of those that were due.
        p99_ms: of the same.
    """

    elapsed_s: int
    due: int
    texts_per_s: int
    failed: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Look:
    """What Triton did between two looks at its counters; NaN where it did nothing.

    Attributes:
        elapsed_s: middle of the time between them, from the run's start.
        rows_per_batch: mean batch.
        queue_ms: mean wait of a request.
    """

    elapsed_s: float
    rows_per_batch: float
    queue_ms: float


def cut(calls: Calls, *, start_s: float, end_s: float) -> list[Second]:
    """Returns all seconds of a run.

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
        _describe(calls.choose(due), elapsed_s=elapsed_s, num_texts=int(num_texts[elapsed_s]))
        for elapsed_s, due in enumerate(cuts)
    ]


def _describe(due: Calls, *, elapsed_s: int, num_texts: int) -> Second:
    latency_ms = 1000 * due.latency_s[due.is_answered]
    return Second(
        elapsed_s=elapsed_s,
        due=len(due.due_s),
        texts_per_s=num_texts,
        failed=int(np.count_nonzero(~due.is_answered)),
        p50_ms=percentile(latency_ms, 50),
        p99_ms=percentile(latency_ms, 99),
    )


def follow(polls: Sequence[Poll], *, start_s: float) -> list[Look]:
    """Returns what Triton did between each two looks."""
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
