"""Medians, ratios and verdicts."""

from __future__ import annotations

from typing import Literal

import pytest
from rates import Lap, Target, judge, summarize


def laps_of(*rates: float) -> list[Lap]:
    return [Lap(100, 100 / rate, 0.5, num_rows=100, num_batches=4, busy_s=0.0) for rate in rates]


def test_summarize_takes_medians() -> None:
    laps = [
        Lap(100, wall_s=1, cpu_s=0.1, num_rows=100, num_batches=10, busy_s=0.5),
        Lap(100, wall_s=2, cpu_s=0.3, num_rows=100, num_batches=5, busy_s=1.5),
        Lap(100, wall_s=4, cpu_s=0.2, num_rows=100, num_batches=2, busy_s=4.0),
    ]
    figures = summarize(laps)
    assert (figures.texts_per_s, figures.slowest, figures.fastest) == (50, 25, 100)
    assert figures.cpu_s_per_1000 == pytest.approx(2)
    assert (figures.rows_per_batch, figures.busy_share) == (20, 0.75)


def test_summarize_server_that_counted_no_batch_is_no_error() -> None:
    assert summarize([Lap(1, 1, 1, num_rows=0, num_batches=0, busy_s=0)]).rows_per_batch == 0


@pytest.mark.parametrize(
    ("quantity", "limit", "is_met"),
    [
        ("rate", 1.5, True),
        ("rate", 1.6, False),
        ("time", 0.7, True),
        ("time", 0.6, False),
    ],
    ids=["rate-met", "rate-missed", "time-met", "time-missed"],
)
def test_judge_decides_by_the_ratio_of_medians(
    quantity: Literal["rate", "time"], limit: float, is_met: bool
) -> None:
    target = Target("lines", "ours", "theirs", quantity=quantity, limit=limit)
    verdict = judge(target, laps=laps_of(10, 150, 160), others=laps_of(100, 50, 400))
    ratio, lowest, highest = (1.5, 0.1, 3) if quantity == "rate" else (1 / 1.5, 1 / 3, 10)
    assert verdict.ratio == pytest.approx(ratio)
    assert (verdict.lowest, verdict.highest) == (pytest.approx(lowest), pytest.approx(highest))
    assert verdict.is_met is is_met
