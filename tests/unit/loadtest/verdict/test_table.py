"""The verdict as lines of text."""

from __future__ import annotations

import math

import pytest
from load_runs import build_polls, build_run, build_samples
from traffic.generator import GeneratorLoad
from verdict.run import Run
from verdict.table import WORDS, describe_callers, describe_server, format_number, format_run
from verdict.targets import NAMES, Targets

BUSY = GeneratorLoad(cpu_share=0.99, num_processes=1)
TARGETS = Targets(
    min_rate=15,
    min_answered_share=0.9,
    max_p50_ms=250,
    max_p95_ms=300,
    max_p99_ms=200,
    max_error_share=0.001,
    min_mean_batch=4.5,
)


def test_words_are_there_for_every_target() -> None:
    assert [*WORDS] == [*NAMES]


def test_format_run_has_all_figures_and_a_line_of_each_target() -> None:
    assert format_run(build_run(targets=TARGETS)) == [
        "",
        "callers  16.0 texts/s; 96 calls were due in 6.0 s, 16.0/s",
        "         latency in ms: p50 250, p75 250, p90 250, p95 250, p99 250, p99.9 250, max 250",
        "         0.00% failed",
        "server   16.0 texts/s in batches of 4.0; a request waits 50.0 ms in the queue; "
        "model busy 50% of the time",
        "",
        "target                                measured  verdict",
        "rate, at least 15 texts/s           16 texts/s  pass",
        "answered, at least 90 %                  100 %  pass",
        "p50, at most 250 ms                     250 ms  pass",
        "p95, at most 300 ms                     250 ms  pass",
        "p99, at most 200 ms                     250 ms  FAIL",
        "errors, at most 0.1 %                      0 %  pass",
        "mean batch, at least 4.5 rows           4 rows  FAIL",
        "",
    ]


def test_format_run_without_targets_has_no_table() -> None:
    assert not any("verdict" in line for line in format_run(build_run()))


def test_format_run_failures_are_named() -> None:
    samples = build_samples()[:96] + build_samples(failure="Overloaded")[96:]
    assert "         33.33% failed: 32 Overloaded" in format_run(build_run(samples))


def test_format_run_without_a_look_at_the_server_says_nothing_of_it() -> None:
    assert not any(line.startswith("server") for line in format_run(build_run(polls=[])))


@pytest.mark.parametrize(
    ("rows_per_s", "is_said"), [(16, False), (32, True)], ids=["ours-alone", "others-too"]
)
def test_format_run_others_who_call_the_server_are_told(rows_per_s: int, is_said: bool) -> None:
    lines = format_run(build_run(polls=build_polls(rows_per_s=rows_per_s)))
    assert any("it counted 100% more texts than the callers" in line for line in lines) is is_said


@pytest.mark.parametrize(
    "run",
    [
        build_run(build_samples(late_s=0.2), targets=TARGETS),
        build_run(targets=TARGETS, generator=BUSY),
    ],
    ids=["late", "saturated"],
)
def test_format_run_without_a_verdict_has_the_figures_alone(run: Run) -> None:
    # Its problem is said on standard error.
    assert run.problem is not None
    assert run.server is not None
    assert format_run(run) == ["", *describe_callers(run.figures), *describe_server(run.server), ""]


def test_format_run_that_passes_with_a_saturated_generator_has_both() -> None:
    run = build_run(targets=Targets(max_p99_ms=250), generator=BUSY)
    lines = format_run(run)
    assert run.saturation in lines
    assert any(line.endswith("  pass") for line in lines)


def test_format_run_without_an_answer_is_no_error_and_misses() -> None:
    refused = build_samples(failure="Overloaded")
    lines = format_run(build_run(refused, polls=[], targets=TARGETS))
    assert sum(line.endswith("  FAIL") for line in lines) == len(NAMES)


def test_format_run_without_a_call_has_no_verdict() -> None:
    lines = format_run(build_run([], polls=[], targets=TARGETS))
    assert not any(line.endswith(("FAIL", "pass")) for line in lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456, "0.01235"),
        (15.6789, "15.68"),
        (999.96, "1000"),
        (1234.5678, "1,235"),
        (12345.6, "12,346"),
        (1234567.8, "1,234,568"),
        (math.nan, "-"),
    ],
    ids=["small", "tens", "below-a-thousand", "thousands", "ten-thousands", "millions", "nan"],
)
def test_format_number_has_four_digits_and_no_exponent(value: float, text: str) -> None:
    assert format_number(value) == text
