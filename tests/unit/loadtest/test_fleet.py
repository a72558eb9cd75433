"""Simulated fleets, where the right answer is known."""

import math
from itertools import pairwise

import pytest
from emotion_loadtest.autoscaler import Limits
from emotion_loadtest.fleet import Setting, build_settings, simulate
from emotion_loadtest.replica import ServiceTime

TIME = ServiceTime.of_rate(50.0)  # slow, so that tests are quick
LIMITS = Limits(min_replicas=2, max_replicas=8)
KEDA = Setting("KEDA", waiting=20.0, limits=LIMITS)
JUMP_S = 300


def jump(low, high):
    return lambda now_s: low if now_s < JUMP_S else high


def run(setting, rate_at, *, seconds=900, seed=0):
    return simulate(setting, rate_at, seconds=seconds, time=TIME, seed=seed)


def test_constant_light_load_never_scales():
    outcome = run(KEDA, lambda _: 0.4 * 2 * TIME.max_rate)
    assert {minute.num_replicas for minute in outcome.minutes} == {2.0}
    assert outcome.refused_share == 0
    assert outcome.slow_minutes(max_p99_ms=500) == 0


@pytest.mark.parametrize("load", [2.0, 3.5, 5.0])
def test_constant_load_has_as_many_replicas_as_the_target_asks_for(load):
    outcome = run(KEDA, lambda _: load * TIME.max_rate, seconds=1800)
    # Batches are smaller below full load, so a text takes a little longer.
    wanted = load / KEDA.busy_s
    assert math.floor(wanted) <= outcome.minutes[-1].num_replicas <= math.ceil(wanted * 1.1)


@pytest.mark.parametrize(("start_up_s", "is_refused"), [(0.0, False), (60.0, True), (180.0, True)])
def test_calls_are_refused_while_a_jump_waits_for_replicas(start_up_s, is_refused):
    setting = Setting("", waiting=20.0, start_up_s=start_up_s, limits=LIMITS)
    outcome = run(setting, jump(60, 160))
    refused = [minute.start_s for minute in outcome.minutes if minute.num_refused]
    if is_refused:
        assert refused
        assert min(refused) >= JUMP_S
        assert max(refused) <= JUMP_S + start_up_s + 60
    else:
        assert outcome.refused_share < 0.01


def test_refusals_are_what_the_replicas_cannot_do():
    # Two replicas, at three times what they can do, for good.
    setting = Setting("", limits=Limits(min_replicas=2, max_replicas=2))
    outcome = run(setting, lambda _: 6 * TIME.max_rate)
    assert outcome.refused_share == pytest.approx(2 / 3, abs=0.02)
    assert {minute.num_replicas for minute in outcome.minutes} == {2.0}
    assert 1900 < outcome.p99_ms < 4600


def test_guard_asks_for_more_replicas_than_busy_time_can():
    # Busy time cannot exceed the two replicas that there are, so it asks for three.
    without = run(Setting("", waiting=math.inf, limits=LIMITS), jump(60, 330))
    with_guard = run(KEDA, jump(60, 330))
    soon = (JUMP_S + 60) // 60
    assert without.minutes[soon].num_replicas < with_guard.minutes[soon].num_replicas
    assert with_guard.refused_share < without.refused_share


def test_replicas_that_are_not_needed_go_one_by_one():
    limits = Limits(min_replicas=2, max_replicas=8, stabilization_s=120, removal_s=60)
    setting = Setting("", waiting=20.0, limits=limits)
    outcome = run(setting, lambda now_s: 250 if now_s < 300 else 20, seconds=1800)
    numbers = [minute.num_replicas for minute in outcome.minutes]
    assert max(numbers) >= 7
    assert numbers[-1] == 2
    assert min(later - earlier for earlier, later in pairwise(numbers)) >= -1.5


def test_no_call_is_lost_and_the_same_seed_has_the_same_calls():
    outcome, again, other = (run(KEDA, jump(60, 160), seed=seed) for seed in (1, 1, 2))
    num_due = sum(minute.num_due for minute in outcome.minutes)
    num_refused = sum(minute.num_refused for minute in outcome.minutes)
    num_left = num_due - num_refused - outcome.histogram.sum()
    assert 0 <= num_left <= 8 * 2 * TIME.max_rate
    assert outcome.minutes == again.minutes != other.minutes


@pytest.mark.parametrize(("rate", "measured_ms"), [(258, 131), (310, 500)])
def test_one_server_is_not_slower_than_measured_below_its_knee(rate, measured_ms):
    # docs/capacity.md; there, the caller is on the same cores.
    setting = Setting("", limits=Limits(min_replicas=1, max_replicas=1))
    outcome = simulate(setting, lambda _: rate, seconds=120)
    assert outcome.refused_share == 0
    assert 0.2 * measured_ms < outcome.p99_ms < measured_ms


def test_build_settings_are_keda_with_each_target_and_cpu_without_a_guard():
    settings = build_settings([0.7, 0.5], waiting=9, start_up_s=5, limits=LIMITS)
    assert [each.name for each in settings] == ["KEDA, busy 0.7", "KEDA, busy 0.5", "HPA, CPU 70%"]
    assert [(each.busy_s, each.waiting) for each in settings] == [
        (0.7, 9),
        (0.5, 9),
        (0.7, math.inf),
    ]
    assert {(each.start_up_s, each.limits) for each in settings} == {(5, LIMITS)}
