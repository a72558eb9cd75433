"""Percentiles, verdicts and the table of the way of a request."""

from __future__ import annotations

import json

import pytest
from path.figures import (
    Figure,
    Target,
    build_json,
    build_rate_figure,
    format_figures,
    format_number,
    is_all_met,
    summarize_times,
)

AT_LEAST, AT_MOST = Target(10.0, "at least"), Target(10.0, "at most")


def test_summarize_times_has_percentiles_in_milliseconds() -> None:
    latencies = summarize_times([each / 1000 for each in [101, *range(1, 101)]])
    assert latencies.num_calls == 101
    assert latencies.first_ms == pytest.approx(101)
    assert latencies.p50_ms == pytest.approx(51)
    assert latencies.p99_ms == pytest.approx(100)
    assert latencies.max_ms == pytest.approx(101)
    assert latencies.spread == pytest.approx(100 / 51)


def test_summarize_times_of_one_call_has_no_spread() -> None:
    assert summarize_times([0.002]).spread == 1.0


@pytest.mark.parametrize(
    ("value", "target", "is_met"),
    [
        (10.0, AT_LEAST, True),
        (9.99, AT_LEAST, False),
        (10.0, AT_MOST, True),
        (10.01, AT_MOST, False),
        (0.0, None, None),
    ],
    ids=["at-least", "below-least", "at-most", "above-most", "no-target"],
)
def test_figure_is_met_at_its_limit(value: float, target: Target, is_met: bool | None) -> None:
    assert Figure("rate", value, target=target).is_met is is_met


def test_is_all_met_heeds_targets_alone() -> None:
    met, missed = Figure("a", 10, target=AT_MOST), Figure("b", 11, target=AT_MOST)
    assert is_all_met([met, Figure("c", 11)])
    assert not is_all_met([met, missed])


def test_build_rate_figure_is_the_median_of_the_faster_one() -> None:
    rates = {"slow": [90.0, 100.0, 999.0], "fast": [300.0, 200.0, 100.0]}
    figure = build_rate_figure("requests/s", rates, target=AT_LEAST)
    assert (figure.name, figure.value, figure.target) == ("requests/s", 200.0, AT_LEAST)
    assert figure.note == "fast, 100..300; slow 100"


def test_format_figures_columns_stand_below_each_other() -> None:
    figures = [
        Figure("requests/s", 1234.5, "aio", Target(3000, "at least")),
        Figure("p50 ms", 4.321),
        Figure("p99/p50", 1.5, target=Target(2, "at most")),
    ]
    head, missed, plain, met = format_figures(figures).splitlines()
    assert missed == "MISSED  requests/s     1,234  at least 3,000    aio"
    assert plain == "        p50 ms          4.32"
    assert met == "met     p99/p50         1.50  at most 2.00"
    assert head.index("measured") + len("measured") == len(plain)
    assert head.index("target") == met.index("at most")


@pytest.mark.parametrize(
    ("value", "text"), [(1.005, "1.00"), (999.0, "999.00"), (20_000.0, "20,000")]
)
def test_format_number_leaves_out_what_says_nothing(value: float, text: str) -> None:
    assert format_number(value) == text


def test_build_json_has_facts_figures_and_verdicts() -> None:
    figures = [Figure("rate", 11.0, target=AT_LEAST), Figure("p50 ms", 2.0)]
    document = json.loads(build_json(figures, facts={"seed": 7}))
    assert document["seed"] == 7
    assert [each["is_met"] for each in document["figures"]] == [True, None]
    assert document["figures"][0]["target"] == {"limit": 10.0, "side": "at least"}
