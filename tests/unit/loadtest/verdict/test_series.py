"""A run second by second."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from load_runs import START_S, build_polls, build_samples
from server_load import ServerLoad
from traffic.samples import Calls, Sample
from verdict.figures import Poll
from verdict.series import Look, Second, cut, follow


def seconds_of(*samples: Sample, num_seconds: float = 4) -> list[Second]:
    return cut(Calls.of(samples), start_s=START_S, end_s=START_S + num_seconds)


def test_cut_steady_calls_are_alike_in_every_second() -> None:
    seconds = seconds_of(*build_samples(4, per_s=8, latency_s=0.25, num_texts=2))
    assert [second.elapsed_s for second in seconds] == [0, 1, 2, 3]
    assert {second.due for second in seconds} == {8}
    assert [second.texts_per_s for second in seconds] == [12, 16, 16, 16]
    assert {(second.p50_ms, second.p99_ms, second.failed) for second in seconds} == {(250, 250, 0)}


def test_cut_slow_call_is_in_its_own_second_and_its_answer_in_a_later_one() -> None:
    seconds = seconds_of(Sample(START_S + 1, 0.0, 2.0, 5))
    assert [second.due for second in seconds] == [0, 1, 0, 0]
    assert [second.texts_per_s for second in seconds] == [0, 0, 0, 5]
    assert seconds[1].p99_ms == 2000


def test_cut_failed_call_is_counted_where_it_was_due() -> None:
    seconds = seconds_of(
        Sample(START_S + 1, 0.0, 2.0, 1, "Overloaded"), Sample(START_S + 1, 0.0, 0.5, 1)
    )
    assert [second.failed for second in seconds] == [0, 1, 0, 0]
    assert [second.texts_per_s for second in seconds] == [0, 1, 0, 0]
    assert seconds[1].p99_ms == 500


def test_cut_second_without_an_answer_has_no_latency() -> None:
    for second in seconds_of(Sample(START_S + 1, 0.0, 0.25, 1, "Overloaded")):
        assert math.isnan(second.p50_ms)
        assert math.isnan(second.p99_ms)


@pytest.mark.parametrize(
    ("num_seconds", "expected"),
    [(0.1, 1), (3.9, 4), (4.1, 4)],
    ids=["stopped-at-once", "a-bit-less", "a-bit-more"],
)
def test_cut_run_has_whole_seconds_and_at_least_one(num_seconds: float, expected: int) -> None:
    assert len(seconds_of(num_seconds=num_seconds)) == expected


def test_follow_looks_are_differences_between_two_polls() -> None:
    looks = follow(build_polls(3, rows_per_s=32, rows_per_batch=8), start_s=START_S)
    assert [look.elapsed_s for look in looks] == [0.5, 1.5, 2.5]
    assert {look.rows_per_batch for look in looks} == {8}
    assert [look.queue_ms for look in looks] == pytest.approx([50, 50, 50])


def test_follow_gap_in_the_polls_is_one_long_look() -> None:
    polls = build_polls(4)
    looks = follow([polls[0], polls[4]], start_s=START_S)
    assert looks == [Look(elapsed_s=2, rows_per_batch=4, queue_ms=pytest.approx(50))]


def test_follow_idle_server_has_looks_that_are_nan() -> None:
    poll = Poll(START_S, ServerLoad(9, 3, 1.0, 9, 1.0))
    (look,) = follow([poll, replace(poll, time_s=START_S + 1)], start_s=START_S)
    assert math.isnan(look.rows_per_batch)
    assert math.isnan(look.queue_ms)


@pytest.mark.parametrize("num_polls", [0, 1], ids=["none", "one"])
def test_follow_less_than_two_polls_are_no_look(num_polls: int) -> None:
    assert follow(build_polls(1)[:num_polls], start_s=START_S) == []
