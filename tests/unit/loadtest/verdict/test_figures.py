"""The figures of a run, held against counting one call after the other."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import numpy as np
import pytest
from load_runs import START_S, build_polls, build_samples
from server_load import ServerLoad
from traffic.samples import Calls, Sample
from verdict.figures import (
    PERCENTILES,
    Figures,
    Poll,
    ServerFigures,
    Window,
    count_answered,
    measure,
    measure_server,
    percentile,
)

WINDOW = Window(START_S + 2, START_S + 10)
JUST_BEFORE_END_S = math.nextafter(WINDOW.end_s, 0)


def figures_of(*samples: Sample) -> Figures:
    return measure(Calls.of(samples), window=WINDOW)


def serve(samples: list[Sample], *, polls: list[Poll]) -> ServerFigures | None:
    return measure_server(polls, calls=Calls.of(samples), window=WINDOW)


def count_percentile(values: list[float], percent: float) -> float:
    """The smallest value that `percent` of the values do not exceed, by trying each."""
    share = Fraction(str(percent)) / 100
    for value in sorted(values):
        if sum(other <= value for other in values) >= share * len(values):
            return value
    raise AssertionError


@pytest.mark.parametrize("percent", PERCENTILES)
@pytest.mark.parametrize("num_values", [1, 2, 3, 10, 99, 100, 101, 1000])
def test_percentile_is_that_of_counting_all_values(num_values: int, percent: float) -> None:
    rng = random.Random(num_values)
    values = [rng.choice([rng.expovariate(1), 1.0]) for _ in range(num_values)]
    assert percentile(np.array(values), percent) == count_percentile(values, percent)


@pytest.mark.parametrize("num_values", [1000, 2000, 3000, 100_000])
def test_percentile_of_thousands_has_the_right_rank(num_values: int) -> None:
    # 99.9 / 100 is not 0.999 in floats, but a bit more.
    values = np.arange(1.0, num_values + 1)
    assert percentile(values, 99.9) == num_values * 999 / 1000


def test_percentile_of_nothing_is_nan() -> None:
    assert math.isnan(percentile(np.array([]), 50))


def test_measure_latencies_are_those_of_all_answered_calls() -> None:
    rng = random.Random(1)
    samples = [
        Sample(START_S + 2 + rng.uniform(0, 8), 0.0, rng.expovariate(4), 1) for _ in range(1500)
    ]
    found = figures_of(*samples)
    latency_ms = [1000 * sample.latency_s for sample in samples]
    assert found.percentiles_ms == {
        percent: pytest.approx(count_percentile(latency_ms, percent)) for percent in PERCENTILES
    }
    assert found.max_ms == pytest.approx(max(latency_ms))


@pytest.mark.parametrize(
    ("due_s", "is_counted"),
    [
        (WINDOW.start_s, True),
        (math.nextafter(WINDOW.start_s, 0), False),
        (JUST_BEFORE_END_S, True),
        (WINDOW.end_s, False),
    ],
    ids=["at-start", "before-start", "before-end", "at-end"],
)
def test_measure_call_counts_where_it_is_due_in_the_window(due_s: float, is_counted: bool) -> None:
    found = figures_of(Sample(due_s, 0.0, 0.0, 1))
    assert found.num_calls == int(is_counted)
    assert math.isnan(found.max_ms) is not is_counted


def test_measure_call_answered_after_the_end_counts_in_latency_but_not_in_rate() -> None:
    found = figures_of(
        Sample(START_S + 9, 0.0, 0.5, 1),
        Sample(START_S + 9, 0.0, 3.0, 1),
    )
    assert found.max_ms == 3000
    assert (found.num_calls, found.due_per_s) == (2, 2 / 8)
    assert found.texts_per_s == 1 / 8


def test_measure_call_of_the_warm_up_answered_in_the_window_counts_in_rate_only() -> None:
    found = figures_of(Sample(START_S + 1, 0.0, 1.5, 1))
    assert (found.num_calls, found.texts_per_s) == (0, 1 / 8)
    assert math.isnan(found.percentiles_ms[50.0])


def test_measure_rate_counts_texts_and_load_counts_calls() -> None:
    found = measure(Calls.of(build_samples(12, per_s=4, num_texts=32)), window=WINDOW)
    assert (found.seconds, found.num_calls) == (8, 32)
    assert (found.due_per_s, found.texts_per_s) == (4, 128)


def test_measure_failed_calls_are_counted_by_name_and_in_no_latency() -> None:
    found = figures_of(
        *[Sample(START_S + 3, 0.0, 0.25, 1)] * 5,
        Sample(START_S + 3, 0.0, 9.0, 1, "Overloaded"),
        *[Sample(START_S + 3, 0.0, 9.0, 1, "DeadlineExceeded")] * 2,
        Sample(START_S + 1, 0.0, 9.0, 1, "Unavailable"),
    )
    assert found.error_share == 3 / 8
    assert [*found.failures.items()] == [("DeadlineExceeded", 2), ("Overloaded", 1)]
    assert found.max_ms == 250
    assert found.texts_per_s == 5 / 8


@pytest.mark.parametrize(
    ("samples", "error_share", "latency"),
    [([], 0.0, "nan"), (build_samples(12, failure="Unavailable"), 1.0, "inf")],
    ids=["no-calls", "all-failed"],
)
def test_measure_nothing_answered_has_no_latencies(
    samples: list[Sample], error_share: float, latency: str
) -> None:
    found = figures_of(*samples)
    assert {str(value) for value in found.percentiles_ms.values()} == {latency}
    assert math.isnan(found.max_ms)
    assert (found.texts_per_s, found.error_share, found.answered_share) == (0, error_share, 0)


def test_measure_failed_calls_are_slower_than_any() -> None:
    refused = build_samples(12, latency_s=0.001, failure="Overloaded")
    found = figures_of(*build_samples(12), *refused)
    assert found.percentiles_ms[50.0] == 250
    assert found.percentiles_ms[75.0] == math.inf


@pytest.mark.parametrize(
    ("end_s", "num_texts"),
    [
        (WINDOW.start_s, 7),
        (math.nextafter(WINDOW.start_s, 0), 0),
        (JUST_BEFORE_END_S, 7),
        (WINDOW.end_s, 0),
    ],
    ids=["at-start", "before-start", "before-end", "at-end"],
)
def test_count_answered_has_the_edges_of_the_window(end_s: float, num_texts: int) -> None:
    assert count_answered(Calls.of([Sample(end_s, 0.0, 0.0, 7)]), window=WINDOW) == num_texts


def test_measure_server_counts_the_window_only() -> None:
    found = serve(build_samples(12), polls=build_polls(12))
    assert found is not None
    assert (found.seconds, found.rows_per_s, found.rows_per_batch) == (8, 16, 4)
    assert found.queue_ms == pytest.approx(50)
    assert (found.busy_share, found.difference) == (0.5, 0)


def test_measure_server_is_compared_with_callers_between_its_own_looks() -> None:
    polls = build_polls(12)[4:8]  # the others got no answer
    found = serve(build_samples(12), polls=polls)
    assert found is not None
    assert (found.seconds, found.difference) == (3, 0)


@pytest.mark.parametrize(
    ("num_texts", "difference"), [(1, 1.0), (2, 0.0), (4, -0.5)], ids=["more", "same", "fewer"]
)
def test_measure_server_difference_is_a_share_of_the_callers_texts(
    num_texts: int, difference: float
) -> None:
    samples = build_samples(12, num_texts=num_texts)
    found = serve(samples, polls=build_polls(12, rows_per_s=32))
    assert found is not None
    assert found.difference == difference


@pytest.mark.parametrize(
    "polls",
    [[], build_polls(12)[5:6], build_polls(12)[:3], build_polls(12)[10:]],
    ids=["never", "once", "once-and-before-the-window", "once-and-behind-the-window"],
)
def test_measure_server_looked_at_less_than_twice_is_none(polls: list[Poll]) -> None:
    assert serve(build_samples(12), polls=polls) is None


def test_measure_server_that_did_nothing_has_figures_of_0() -> None:
    polls = [Poll(START_S + i, ServerLoad(9, 3, 1.0, 9, 1.0)) for i in (3, 5)]
    assert serve([], polls=polls) == ServerFigures(2, 0, 0, 0, 0, 0)
