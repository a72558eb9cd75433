"""A run as a whole: what counts, and whether its verdict may be believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from load_runs import START_S, build_polls, build_run, build_samples
from traffic.generator import GeneratorLoad
from traffic.samples import Sample
from verdict.targets import Targets

BUSY = GeneratorLoad(cpu_share=0.99, num_processes=1)
MET, MISSED = Targets(max_p99_ms=250), Targets(max_p99_ms=249)


def test_conclude_warm_up_counts_for_the_pictures_only() -> None:
    slow = [Sample(START_S + i / 16, 0.0, 1.5, 1, "Unavailable") for i in range(32)]
    run = build_run([*slow, *build_samples()[32:]])
    assert (run.figures.seconds, run.figures.num_calls, run.figures.error_share) == (6, 96, 0)
    assert run.figures.max_ms == 250
    assert (len(run.seconds), run.seconds[0].failed) == (8, 16)
    assert (run.server.seconds if run.server else None, len(run.looks)) == (6, 8)


@pytest.mark.parametrize("warm_up_s", [8.0, 60.0], ids=["as-long", "longer"])
def test_conclude_run_that_is_no_longer_than_its_warm_up_counts_whole(warm_up_s: float) -> None:
    run = build_run(warm_up_s=warm_up_s)
    assert (run.warm_up_s, run.figures.seconds, run.figures.num_calls) == (0, 8, 128)


def test_conclude_run_that_ended_at_once_has_no_figures_and_no_verdict() -> None:
    run = build_run([], end_s=START_S, polls=build_polls()[:1])
    assert (run.figures.num_calls, run.figures.texts_per_s) == (0, 0)
    assert (run.server, run.problem) == (None, "no call was made")


@pytest.mark.parametrize(
    ("targets", "is_met"),
    [(Targets(), True), (MET, True), (MISSED, False)],
    ids=["no-target", "met", "missed"],
)
def test_run_is_met_where_every_target_is(targets: Targets, is_met: bool) -> None:
    run = build_run(targets=targets)
    assert (run.is_met, run.problem) == (is_met, None)


@pytest.mark.parametrize("targets", [MET, MISSED], ids=["met", "missed"])
def test_run_of_a_late_generator_has_no_verdict(targets: Targets) -> None:
    run = build_run(build_samples(late_s=0.2), targets=targets)
    assert run.lateness is not None
    assert run.problem == run.lateness


def test_run_is_not_late_where_only_its_warm_up_was() -> None:
    samples = build_samples()
    late = [Sample(sample.due_s, 5.0, 5.25, 1) for sample in samples[:80]]
    assert build_run([*late, *samples[80:]], warm_up_s=5.0).lateness is None
    assert build_run([*late, *samples[80:]], warm_up_s=0.0).lateness is not None


def test_run_of_a_saturated_generator_may_still_pass() -> None:
    run = build_run(targets=MET, generator=BUSY)
    assert run.saturation is not None
    assert run.problem is None


def test_run_of_a_saturated_generator_may_not_fail() -> None:
    run = build_run(targets=MISSED, generator=BUSY)
    assert run.saturation is not None
    assert run.problem == run.saturation


def test_run_that_is_late_and_saturated_says_that_it_is_late() -> None:
    run = build_run(build_samples(late_s=0.2), targets=MISSED, generator=BUSY)
    assert run.problem == run.lateness


def test_conclude_without_a_call_is_no_verdict() -> None:
    run = build_run([], targets=Targets(max_error_share=0.5))
    assert run.problem == "no call was made"


def test_conclude_with_calls_of_another_clock_is_no_verdict() -> None:
    strays = [replace(sample, due_s=sample.due_s + 60) for sample in build_samples(1)]
    run = build_run([*build_samples(), *strays])
    assert run.problem is not None
    assert run.problem.startswith("16 calls were due outside the run: the clocks")


def test_conclude_with_lost_workers_is_no_verdict() -> None:
    assert build_run(loss="1 of 2 workers was lost").problem == "1 of 2 workers was lost"
