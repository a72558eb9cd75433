"""The figures of a run, compared with counting one call after the other."""

import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from emotion_loadtest.measurements import (
    PERCENTILES,
    Look,
    Poll,
    ServerFigures,
    Window,
    count_answered,
    measure_callers,
    measure_looks,
    measure_seconds,
    measure_server,
    percentile,
)
from emotion_loadtest.samples import Calls, Sample
from emotion_server.counters import ServerLoad
from load_runs import START_S, build_polls, build_samples

WINDOW = Window(START_S + 2, START_S + 10)
EDGES = pytest.mark.parametrize(
    ("time_s", "is_counted"),
    [
        pytest.param(WINDOW.start_s, True, id="at-start"),
        pytest.param(math.nextafter(WINDOW.start_s, 0), False, id="before-start"),
        pytest.param(math.nextafter(WINDOW.end_s, 0), True, id="before-end"),
        pytest.param(WINDOW.end_s, False, id="at-end"),
    ],
)


def figures_of(*samples):
    return measure_callers(Calls.of(samples), window=WINDOW)


def server_of(samples, *, polls):
    return measure_server(polls, calls=Calls.of(samples), window=WINDOW)


def seconds_of(*samples, num_seconds=4):
    return measure_seconds(Calls.of(samples), start_s=START_S, end_s=START_S + num_seconds)


def count_percentile(values, percent):
    """The smallest value that `percent` of the values do not exceed, by trying each."""
    share = Fraction(str(percent)) / 100
    for value in sorted(values):
        if sum(other <= value for other in values) >= share * len(values):
            return value
    raise AssertionError


@pytest.mark.parametrize("num_values", [1, 2, 99, 100, 101])
def test_percentile_agrees_with_counting(num_values):
    rng = random.Random(num_values)
    values = [rng.choice([rng.expovariate(1), 1.0, math.inf]) for _ in range(num_values)]
    for percent in PERCENTILES.values():
        assert percentile(np.array(values), percent) == count_percentile(values, percent)


@pytest.mark.parametrize("num_values", [1000, 3000, 100_000])
def test_percentile_of_thousands_has_the_right_rank(num_values):
    # 99.9 / 100 is not 0.999 in floats, but a bit more.
    values = np.arange(1.0, num_values + 1)
    assert percentile(values, 99.9) == num_values * 999 / 1000


def test_percentile_of_nothing_is_nan():
    assert math.isnan(percentile(np.array([]), 50))


def test_callers_latencies_are_those_of_all_answered_calls():
    rng = random.Random(1)
    samples = [
        Sample(START_S + 2 + rng.uniform(0, 8), 0.0, rng.expovariate(4), 1) for _ in range(1500)
    ]
    found = figures_of(*samples)
    latency_ms = [1000 * sample.latency_s for sample in samples]
    assert [*found.percentiles_ms] == ["p50", "p75", "p90", "p95", "p99", "p99.9"]
    assert found.percentiles_ms == {
        name: pytest.approx(count_percentile(latency_ms, percent))
        for name, percent in PERCENTILES.items()
    }
    assert found.max_ms == pytest.approx(max(latency_ms))


@EDGES
def test_callers_call_counts_where_it_is_due_in_the_window(time_s, is_counted):
    found = figures_of(Sample(time_s, 0.0, 0.0, 1))
    assert found.num_calls == int(is_counted)
    assert math.isnan(found.max_ms) is not is_counted


@EDGES
def test_count_answered_counts_texts_by_the_time_of_their_answer(time_s, is_counted):
    calls = Calls.of([Sample(time_s, 0.0, 0.0, 7)])
    assert count_answered(calls, window=WINDOW) == 7 * is_counted


def test_callers_call_answered_after_the_end_counts_in_latency_but_not_in_rate():
    found = figures_of(Sample(START_S + 9, 0.0, 0.5, 1), Sample(START_S + 9, 0.0, 3.0, 1))
    assert found.max_ms == 3000
    assert (found.num_calls, found.due_per_s) == (2, 2 / 8)
    assert (found.texts_per_s, found.answered_share) == (1 / 8, 1 / 2)


def test_callers_call_of_the_warm_up_answered_in_the_window_counts_in_rate_only():
    found = figures_of(Sample(START_S + 1, 0.0, 1.5, 1))
    assert (found.num_calls, found.texts_per_s, found.answered_share) == (0, 1 / 8, 1)
    assert math.isnan(found.percentiles_ms["p50"])


def test_callers_rate_counts_texts_and_load_counts_calls():
    found = figures_of(*build_samples(12, per_s=4, num_texts=32))
    assert (found.seconds, found.num_calls) == (8, 32)
    assert (found.due_per_s, found.texts_per_s) == (4, 128)


def test_callers_failed_calls_are_counted_by_name_and_in_no_latency():
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
    [
        pytest.param([], 0.0, "nan", id="no-calls"),
        pytest.param(build_samples(12, failure="Unavailable"), 1.0, "inf", id="all-failed"),
    ],
)
def test_callers_without_an_answer_have_no_latencies(samples, error_share, latency):
    found = figures_of(*samples)
    assert {str(value) for value in found.percentiles_ms.values()} == {latency}
    assert math.isnan(found.max_ms)
    assert (found.texts_per_s, found.error_share, found.answered_share) == (0, error_share, 0)


def test_callers_failed_calls_are_slower_than_any():
    refused = build_samples(12, latency_s=0.001, failure="Overloaded")
    found = figures_of(*build_samples(12), *refused)
    assert found.percentiles_ms["p50"] == 250
    assert found.percentiles_ms["p75"] == math.inf


def test_server_figures_count_the_window_only():
    found = server_of(build_samples(12), polls=build_polls(12))
    assert (found.seconds, found.rows_per_s, found.rows_per_batch) == (8, 16, 4)
    assert found.queue_ms == pytest.approx(50)
    assert (found.busy_share, found.difference) == (0.5, 0)


def test_server_figures_are_compared_with_callers_between_their_own_polls():
    found = server_of(build_samples(12), polls=build_polls(12)[4:8])
    assert (found.seconds, found.difference) == (3, 0)


@pytest.mark.parametrize(("num_texts", "difference"), [(1, 1.0), (2, 0.0), (4, -0.5)])
def test_server_figures_difference_is_a_share_of_the_callers_texts(num_texts, difference):
    samples = build_samples(12, num_texts=num_texts)
    assert server_of(samples, polls=build_polls(12, rows_per_s=32)).difference == difference


@pytest.mark.parametrize(
    "polls",
    [
        pytest.param([], id="never"),
        pytest.param(build_polls(12)[5:6], id="once"),
        pytest.param(build_polls(12)[:3], id="once-and-before-the-window"),
        pytest.param(build_polls(12)[10:], id="once-and-after-the-window"),
    ],
)
def test_server_figures_need_two_polls(polls):
    assert server_of(build_samples(12), polls=polls) is None


def test_server_figures_of_an_idle_server_are_0():
    polls = [Poll(START_S + i, ServerLoad(9, 3, 1.0, 9, 1.0)) for i in (3, 5)]
    assert server_of([], polls=polls) == ServerFigures(2, 0, 0, 0, 0, 0)


def test_seconds_of_steady_calls_are_alike():
    seconds = seconds_of(*build_samples(4, per_s=8, latency_s=0.25, num_texts=2))
    assert [second.elapsed_s for second in seconds] == [0, 1, 2, 3]
    assert {second.due for second in seconds} == {8}
    assert [second.texts_per_s for second in seconds] == [12, 16, 16, 16]
    assert {(second.p50_ms, second.p99_ms, second.failed) for second in seconds} == {(250, 250, 0)}


def test_seconds_have_a_slow_call_where_it_was_due_and_its_answer_where_it_came():
    seconds = seconds_of(Sample(START_S + 1, 0.0, 2.0, 5))
    assert [second.due for second in seconds] == [0, 1, 0, 0]
    assert [second.texts_per_s for second in seconds] == [0, 0, 0, 5]
    assert seconds[1].p99_ms == 2000


def test_seconds_have_the_percentiles_of_their_own_calls():
    slower = [Sample(START_S + 1, 0.0, i / 1000, 1) for i in range(1, 101)]
    seconds = seconds_of(*build_samples(1), *slower)
    assert (seconds[0].p50_ms, seconds[0].p99_ms) == (250, 250)
    assert (seconds[1].p50_ms, seconds[1].p99_ms) == (50, 99)


def test_seconds_have_a_failed_call_where_it_was_due():
    seconds = seconds_of(
        Sample(START_S + 1, 0.0, 2.0, 1, "Overloaded"), Sample(START_S + 1, 0.0, 0.5, 1)
    )
    assert [second.failed for second in seconds] == [0, 1, 0, 0]
    assert [second.texts_per_s for second in seconds] == [0, 1, 0, 0]
    assert seconds[1].p99_ms == 500


def test_seconds_without_an_answer_have_no_latency():
    for second in seconds_of(Sample(START_S + 1, 0.0, 0.25, 1, "Overloaded")):
        assert math.isnan(second.p50_ms)
        assert math.isnan(second.p99_ms)


@pytest.mark.parametrize(("num_seconds", "expected"), [(0.1, 1), (3.9, 4), (4.1, 4)])
def test_seconds_are_whole_and_at_least_one(num_seconds, expected):
    assert len(seconds_of(num_seconds=num_seconds)) == expected


def test_looks_are_differences_between_two_polls():
    looks = measure_looks(build_polls(3, rows_per_s=32, rows_per_batch=8), start_s=START_S)
    assert [look.elapsed_s for look in looks] == [0.5, 1.5, 2.5]
    assert {look.rows_per_batch for look in looks} == {8}
    assert [look.queue_ms for look in looks] == pytest.approx([50, 50, 50])


def test_looks_have_one_for_a_gap_in_the_polls():
    polls = build_polls(4)
    looks = measure_looks([polls[0], polls[4]], start_s=START_S)
    assert looks == [Look(elapsed_s=2, rows_per_batch=4, queue_ms=pytest.approx(50))]


def test_looks_at_an_idle_server_are_nan():
    poll = Poll(START_S, ServerLoad(9, 3, 1.0, 9, 1.0))
    (look,) = measure_looks([poll, replace(poll, time_s=START_S + 1)], start_s=START_S)
    assert math.isnan(look.rows_per_batch)
    assert math.isnan(look.queue_ms)


@pytest.mark.parametrize("num_polls", [0, 1])
def test_looks_need_two_polls(num_polls):
    assert measure_looks(build_polls(1)[:num_polls], start_s=START_S) == []
