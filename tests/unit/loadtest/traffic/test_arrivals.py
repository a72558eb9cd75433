"""That many streams together are Poisson arrivals at the rate that was asked for.

Seeds are fixed, and limits are those that a right generator would miss once in some ten thousand.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from traffic.arrivals import MAX_STREAMS, Arrivals, divide

START_S = 1000.0
NUM_CALLS = 6000
RATES = pytest.mark.parametrize(
    "rate_per_s",
    [0.7, 12.5, 150.0, 1700.0],
    ids=["one-slow-stream", "few-streams", "a-stream-a-call", "most-streams"],
)


def draw(rate_per_s: float) -> NDArray[np.float64]:
    """All arrivals of some time in which `NUM_CALLS` are expected, from 0, in order."""
    num_users, arrivals_per_user = divide(rate_per_s)
    length_s = NUM_CALLS / rate_per_s
    times = []
    for i in range(num_users):
        arrivals = Arrivals(
            rate_per_s=arrivals_per_user, start_s=START_S, rng=random.Random(1000 + i)
        )
        while (due_s := arrivals.advance() - START_S) < length_s:
            times.append(due_s)
    return np.sort(times)


@pytest.mark.parametrize(
    ("rate_per_s", "num_users"),
    [(0.01, 1), (1, 1), (1.5, 2), (7.4, 7), (MAX_STREAMS, MAX_STREAMS), (5000, MAX_STREAMS)],
    ids=["tiny", "one", "half", "odd", "most", "more-than-most"],
)
def test_divide_users_together_make_the_rate(rate_per_s: float, num_users: int) -> None:
    found, arrivals_per_user = divide(rate_per_s)
    assert found == num_users
    assert found * arrivals_per_user == pytest.approx(rate_per_s)


def test_advance_each_call_is_due_later_than_the_one_before() -> None:
    arrivals = Arrivals(rate_per_s=3, start_s=START_S, rng=random.Random(1))
    times = [START_S, *(arrivals.advance() for _ in range(1000))]
    assert all(earlier < later for earlier, later in pairwise(times))


def test_advance_same_seed_draws_the_same_times() -> None:
    streams = [
        Arrivals(rate_per_s=3, start_s=START_S, rng=random.Random(seed)) for seed in (1, 1, 2)
    ]
    first, second, other = ([stream.advance() for _ in range(10)] for stream in streams)
    assert first == second != other


@RATES
def test_streams_together_have_the_rate(rate_per_s: float) -> None:
    assert abs(len(draw(rate_per_s)) - NUM_CALLS) < 4 * math.sqrt(NUM_CALLS)


@RATES
def test_streams_together_have_exponential_gaps(rate_per_s: float) -> None:
    gaps = np.sort(np.diff(draw(rate_per_s), prepend=0))
    expected = 1 - np.exp(-rate_per_s * gaps)
    ranks = np.arange(len(gaps) + 1) / len(gaps)
    # Kolmogorov's distance, which is above this limit once in ten thousand times.
    distance = max(np.max(ranks[1:] - expected), np.max(expected - ranks[:-1]))
    assert distance * math.sqrt(len(gaps)) < 2.23


@RATES
def test_streams_together_have_counts_as_uneven_as_poisson(rate_per_s: float) -> None:
    num_parts = 400
    counts, _ = np.histogram(draw(rate_per_s), num_parts, range=(0, NUM_CALLS / rate_per_s))
    dispersion = counts.var(ddof=1) / counts.mean()
    assert abs(dispersion - 1) < 4 * math.sqrt(2 / num_parts)


def test_streams_together_begin_without_a_burst() -> None:
    num_parts = 60  # of 100 calls each
    counts, _ = np.histogram(draw(1700.0), num_parts, range=(0, NUM_CALLS / 1700.0))
    assert abs(counts[0] - 100) < 40
