"""A run as a whole: what counts, and whether its verdict can be believed."""

from dataclasses import replace

import pytest
from emotion_loadtest.samples import Calls, Sample
from emotion_loadtest.targets import Targets
from emotion_loadtest.verdict import (
    MAX_CPU_SHARE,
    MAX_LATE_S,
    GeneratorLoad,
    find_lateness,
    find_saturation,
)
from load_runs import BUSY_GENERATOR, START_S, build_polls, build_run, build_samples

MET, MISSED = Targets(max_p99_ms=250), Targets(max_p99_ms=249)


def test_conclude_warm_up_counts_for_the_plots_only():
    slow = [Sample(START_S + i / 16, 0.0, 1.5, 1, "Unavailable") for i in range(32)]
    run = build_run([*slow, *build_samples()[32:]])
    assert (run.callers.seconds, run.callers.num_calls, run.callers.error_share) == (6, 96, 0)
    assert run.callers.max_ms == 250
    assert (len(run.seconds), run.seconds[0].failed) == (8, 16)
    assert (run.server.seconds, len(run.looks)) == (6, 8)


@pytest.mark.parametrize("warm_up_s", [8.0, 60.0])
def test_conclude_run_that_is_not_longer_than_its_warm_up_counts_whole(warm_up_s):
    run = build_run(warm_up_s=warm_up_s)
    assert (run.warm_up_s, run.callers.seconds, run.callers.num_calls) == (0, 8, 128)


def test_conclude_run_that_ended_at_once_has_no_figures_and_no_verdict():
    run = build_run([], end_s=START_S, polls=build_polls()[:1])
    assert (run.callers.num_calls, run.callers.texts_per_s) == (0, 0)
    assert (run.server, run.problem) == (None, "no call was made")


@pytest.mark.parametrize(
    ("targets", "is_met"),
    [
        pytest.param(Targets(), True, id="no-target"),
        pytest.param(MET, True, id="met"),
        pytest.param(MISSED, False, id="missed"),
    ],
)
def test_run_is_met_where_every_target_is(targets, is_met):
    run = build_run(targets=targets)
    assert (run.is_met, run.problem) == (is_met, None)


@pytest.mark.parametrize(
    ("targets", "changes"),
    [
        pytest.param(MET, {}, id="met"),
        pytest.param(MISSED, {}, id="missed"),
        pytest.param(MISSED, {"generator": BUSY_GENERATOR}, id="saturated-as-well"),
    ],
)
def test_run_of_a_late_generator_has_no_verdict(targets, changes):
    run = build_run(build_samples(late_s=0.2), targets=targets, **changes)
    assert run.lateness is not None
    assert run.problem == run.lateness


def test_run_is_not_late_where_only_its_warm_up_was():
    samples = build_samples()
    late = [Sample(sample.due_s, 5.0, 5.25, 1) for sample in samples[:80]]
    assert build_run([*late, *samples[80:]], warm_up_s=5.0).lateness is None
    assert build_run([*late, *samples[80:]], warm_up_s=0.0).lateness is not None


def test_run_of_a_saturated_generator_may_pass_but_not_fail():
    passed, failed = (build_run(targets=each, generator=BUSY_GENERATOR) for each in (MET, MISSED))
    assert passed.saturation == failed.saturation is not None
    assert (passed.problem, failed.problem) == (None, failed.saturation)


def test_run_without_a_call_has_no_verdict():
    run = build_run([], targets=Targets(max_error_share=0.5))
    assert run.problem == "no call was made"


def test_run_without_a_call_after_its_warm_up_has_no_verdict():
    early = [sample for sample in build_samples() if sample.due_s < START_S + 2]
    assert build_run(early).problem == "no call was due after the warm-up"


@pytest.mark.parametrize("shift_s", [-9.1, 60])
def test_run_with_calls_of_another_clock_has_no_verdict(shift_s):
    strays = [replace(sample, due_s=sample.due_s + shift_s) for sample in build_samples(1)]
    run = build_run([*build_samples(), *strays])
    assert run.problem.startswith("16 calls were due outside the run: the clocks of the workers'")
    assert "by more than 1 s; set them (NTP)" in run.problem


def test_run_with_lost_workers_has_no_verdict():
    assert build_run(loss="1 of 2 workers was lost").problem == "1 of 2 workers was lost"


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([], id="no-calls"),
        pytest.param(build_samples(late_s=MAX_LATE_S), id="at-the-limit"),
        pytest.param(
            build_samples(51, per_s=1) + build_samples(49, per_s=1, late_s=5.0), id="minority"
        ),
    ],
)
def test_lateness_of_a_load_in_time_is_none(samples):
    assert find_lateness(Calls.of(samples)) is None


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(build_samples(late_s=0.123), id="all"),
        pytest.param(
            build_samples(49, per_s=1) + build_samples(51, per_s=1, late_s=0.123), id="majority"
        ),
    ],
)
def test_lateness_names_value_limit_and_remedy(samples):
    sentence = find_lateness(Calls.of(samples))
    assert "half of its calls began 123 ms late or later (limit 50 ms)" in sentence
    assert "ask for less, or start more workers" in sentence


def test_saturation_at_the_limit_is_none():
    assert find_saturation(GeneratorLoad(cpu_share=MAX_CPU_SHARE, num_processes=1)) is None


def test_saturation_names_value_and_remedy():
    sentence = find_saturation(GeneratorLoad(cpu_share=0.97, num_processes=4))
    assert "its busiest process used 97% of a core" in sentence
    assert "start more workers" in sentence
