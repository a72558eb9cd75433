"""The plots of a run. How they look is for eyes; this tests their words."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from emotion_loadtest.plots import draw_run
from emotion_loadtest.targets import Targets
from load_runs import START_S, build_run, build_samples

RATE, LATENCY, BATCHES, QUEUE = TITLES = [
    "Throughput: texts a second",
    "Latency: ms",
    "Batch size: rows",
    "Queue: ms a request",
]


def read_words(svg):
    """The texts of a plot, without its numbers."""
    words = {(element.text or "").strip() for element in ElementTree.fromstring(svg).iter()}
    return {word for word in words if re.search("[a-z]", word) and "stroke" not in word}


def find_targets(plots):
    """Titles of the plots that have a line for a target."""
    return {title for title, svg in plots.items() if "target" in read_words(svg)}


def test_draw_run_has_four_plots_with_legends_alike_every_time():
    run = build_run()
    plots = draw_run(run)
    assert [*plots] == TITLES
    axis = {"seconds", "warm-up"}
    assert read_words(plots[RATE]) == axis | {"calls due", "answered"}
    assert read_words(plots[LATENCY]) == axis | {"p50", "p99"}
    assert read_words(plots[BATCHES]) == read_words(plots[QUEUE]) == axis
    assert draw_run(run) == plots


def test_draw_run_failures_are_in_the_rate_and_p99_target_in_the_latency():
    samples = build_samples()[:96] + build_samples(failure="Overloaded")[96:]
    plots = draw_run(build_run(samples, targets=Targets(max_p99_ms=500)))
    assert "failed" in read_words(plots[RATE])
    assert find_targets(plots) == {LATENCY}


def test_draw_run_other_targets_are_in_their_plots_and_no_warm_up_in_any():
    run = build_run(warm_up_s=0.0, targets=Targets(min_rate=10, min_mean_batch=4, max_p50_ms=9))
    plots = draw_run(run)
    assert find_targets(plots) == {RATE, BATCHES}
    assert not any("warm-up" in read_words(svg) for svg in plots.values())


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(build_run([], polls=[], end_s=START_S), id="no-calls"),
        pytest.param(build_run(build_samples(failure="Unavailable")), id="all-failed"),
    ],
)
def test_draw_run_without_an_answer_has_all_plots(run):
    assert [*draw_run(run)] == TITLES
