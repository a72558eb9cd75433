"""Medians, percentiles, ratios and verdicts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from comparison.figures import Lap, Outcome, compare, find, judge, summarize

Make = Callable[..., Outcome]


def test_summarize_rate_is_the_median_and_the_rest_is_of_all(
    make_lap: Callable[..., Lap],
) -> None:
    figures = summarize([make_lap(100), make_lap(300, num_wrong=3), make_lap(200)])
    assert (figures.texts_per_s, figures.slowest, figures.fastest) == (200, 100, 300)
    assert (figures.p50_ms, figures.p99_ms) == pytest.approx((500, 500))
    assert figures.server_cpu_s_per_1000 == pytest.approx(45 / 6)
    assert figures.caller_cpu_s_per_1000 == pytest.approx(3 / 6)
    assert figures.caller_share == pytest.approx(0.1)
    assert figures.others_cpu == pytest.approx(0.05)
    assert (figures.memory_mib, figures.num_wrong) == (512, 3)


def test_summarize_percentiles_are_of_all_laps_together(make_lap: Callable[..., Lap]) -> None:
    figures = summarize([make_lap(10, latency_s=0.1), make_lap(90, latency_s=0.3)])
    assert figures.p50_ms == pytest.approx(300)


def test_compare_pairs_rounds(make_outcome: Make) -> None:
    ratio = compare(make_outcome("ours", 100, 300), make_outcome("theirs", 100, 100))
    assert ratio is not None
    assert (ratio.of_medians, ratio.lowest, ratio.highest) == (2, 1, 3)


def test_compare_server_that_failed_has_no_ratio(make_outcome: Make) -> None:
    own = make_outcome("ours", 100)
    assert compare(own, make_outcome("theirs", error="it ended")) is None
    assert compare(make_outcome("ours", error="it ended"), own) is None
    assert compare(None, own) is None


@pytest.mark.parametrize(("rate", "is_met"), [(200, True), (199, False)], ids=["met", "missed"])
def test_judge_by_the_limit_of_the_form(make_outcome: Make, rate: int, is_met: bool) -> None:
    own = make_outcome("ours", rate, form="ours")
    others = [own, make_outcome("a", 100), make_outcome("b", 1, form="example")]
    (verdict,) = judge(own, others, limits={"tuned": 2.0})
    assert (verdict.peer.key, verdict.is_met) == ("a", is_met)


def test_find_by_key(make_outcome: Make) -> None:
    outcomes = [make_outcome("a", 1), make_outcome("b", 1)]
    assert find(outcomes, "b") is outcomes[1]
    assert find(outcomes, "c") is None
