"""Many streams together are Poisson arrivals at the given rate, and shapes have their users.

Seeds are fixed; a correct generator would miss these limits once in some ten thousand runs.
"""

import math
import random
from itertools import pairwise

import numpy as np
import pytest
from emotion_loadtest.arrivals import MAX_STREAMS, SHAPES, Arrivals, count_users, divide

START_S = 1000.0
NUM_CALLS = 6000
RUN_TIME_S, PEAK = 100.0, 50


def draw(rate_per_s):
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
    [(0.01, 1), (1.5, 2), (7.4, 7), (MAX_STREAMS, MAX_STREAMS), (5000, MAX_STREAMS)],
)
def test_divide_users_together_make_the_rate(rate_per_s, num_users):
    found, arrivals_per_user = divide(rate_per_s)
    assert found == num_users
    assert found * arrivals_per_user == pytest.approx(rate_per_s)


def test_advance_draws_increasing_times_that_the_seed_determines():
    streams = [
        Arrivals(rate_per_s=3, start_s=START_S, rng=random.Random(seed)) for seed in (1, 1, 2)
    ]
    first, second, other = ([stream.advance() for _ in range(1000)] for stream in streams)
    assert first == second != other
    assert all(earlier < later for earlier, later in pairwise([START_S, *first]))


@pytest.mark.parametrize("rate_per_s", [0.7, 12.5, 1700.0])
def test_streams_together_are_poisson_arrivals(rate_per_s):
    times = draw(rate_per_s)
    assert abs(len(times) - NUM_CALLS) < 4 * math.sqrt(NUM_CALLS)

    gaps = np.sort(np.diff(times, prepend=0))
    expected = 1 - np.exp(-rate_per_s * gaps)
    ranks = np.arange(len(gaps) + 1) / len(gaps)
    # Kolmogorov's distance, which is above this limit once in ten thousand times.
    distance = max(np.max(ranks[1:] - expected), np.max(expected - ranks[:-1]))
    assert distance * math.sqrt(len(gaps)) < 2.23

    num_parts = 400
    counts, _ = np.histogram(times, num_parts, range=(0, NUM_CALLS / rate_per_s))
    dispersion = counts.var(ddof=1) / counts.mean()
    assert abs(dispersion - 1) < 4 * math.sqrt(2 / num_parts)


def test_streams_together_begin_without_a_burst():
    num_parts = 60  # of 100 calls each
    counts, _ = np.histogram(draw(1700.0), num_parts, range=(0, NUM_CALLS / 1700.0))
    assert abs(counts[0] - 100) < 40


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("ramp", {0: 1, 10: 5, 50: 25, 99: 50, 100: None, 105: None}),
        ("steps", {0: 10, 19.9: 10, 20: 20, 40: 30, 60: 40, 80: 50, 99.9: 50, 100: None}),
        ("spike", {0: 10, 39.9: 10, 40: 50, 59.9: 50, 60: 10, 99.9: 10, 100: None}),
        ("soak", {0: 1, 1: 10, 2.5: 25, 5: 50, 50: 50, 99.9: 50, 100: None}),
    ],
)
def test_shape_has_its_users_at_every_moment_and_ends_with_the_run(name, users):
    assert {
        elapsed_s: count_users(name, elapsed_s=elapsed_s, run_time_s=RUN_TIME_S, peak=PEAK)
        for elapsed_s in users
    } == users


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("peak", [1, PEAK])
def test_shape_reaches_its_peak_and_never_more(name, peak):
    counts = {
        count_users(name, elapsed_s=i / 10, run_time_s=RUN_TIME_S, peak=peak) for i in range(1000)
    }
    assert (min(counts) >= 1, max(counts)) == (True, peak)


def test_shapes_are_all_described():
    assert [*SHAPES] == ["ramp", "steps", "spike", "soak"]
    assert all(shape.__doc__ for shape in SHAPES.values())
