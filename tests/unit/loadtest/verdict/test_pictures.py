"""The pictures of a run. What they look like is for eyes; this is what stands in them."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from load_runs import START_S, build_run, build_samples
from verdict.pictures import draw_run
from verdict.run import Run
from verdict.targets import Targets

RATE, LATENCY, BATCHES, QUEUE = (
    "How much: texts a second",
    "How fast: latency in ms",
    "How full: rows a batch",
    "How long in the queue: ms a request",
)


def read_words(svg: str) -> set[str]:
    """The texts of a picture, without its numbers."""
    words = {(element.text or "").strip() for element in ElementTree.fromstring(svg).iter()}
    return {word for word in words if re.search("[a-z]", word) and "stroke" not in word}


def find_targets(pictures: dict[str, str]) -> set[str]:
    """Titles of the pictures that have a line for a target."""
    return {title for title, svg in pictures.items() if "target" in read_words(svg)}


def test_draw_run_has_four_pictures_with_legends_alike_every_time() -> None:
    run = build_run()
    pictures = draw_run(run)
    assert [*pictures] == [RATE, LATENCY, BATCHES, QUEUE]
    axis = {"seconds", "warm-up"}
    assert read_words(pictures[RATE]) == axis | {"calls due", "answered"}
    assert read_words(pictures[LATENCY]) == axis | {"p50", "p99"}
    assert read_words(pictures[BATCHES]) == read_words(pictures[QUEUE]) == axis
    assert draw_run(run) == pictures


def test_draw_run_failures_are_in_the_rate_and_p99_target_in_the_latency() -> None:
    samples = build_samples()[:96] + build_samples(failure="Overloaded")[96:]
    pictures = draw_run(build_run(samples, targets=Targets(max_p99_ms=500)))
    assert "failed" in read_words(pictures[RATE])
    assert find_targets(pictures) == {LATENCY}


def test_draw_run_other_targets_are_in_their_pictures_and_no_warm_up_in_any() -> None:
    run = build_run(warm_up_s=0.0, targets=Targets(min_rate=10, min_mean_batch=4, max_p50_ms=9))
    pictures = draw_run(run)
    assert find_targets(pictures) == {RATE, BATCHES}
    assert not any("warm-up" in read_words(svg) for svg in pictures.values())


@pytest.mark.parametrize(
    "run",
    [build_run([], polls=[], end_s=START_S), build_run(build_samples(failure="Unavailable"))],
    ids=["no-calls", "all-failed"],
)
def test_draw_run_without_an_answer_has_all_pictures(run: Run) -> None:
    assert [*draw_run(run)] == [RATE, LATENCY, BATCHES, QUEUE]
