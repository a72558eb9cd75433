"""A measured figure, its target, and how both are printed."""

import json
import math
from dataclasses import dataclass

import pytest
from emotion_loadtest.figure import (
    Figure,
    Ratio,
    Target,
    compare,
    format_figures,
    format_table,
    format_value,
    is_all_met,
    to_json,
)

LOW, HIGH = Target(16, "at least"), Target(16, "at most")


@dataclass(frozen=True)
class Point:
    value: float
    note: str = ""


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (LOW, 16, True),
        (LOW, 15.9, False),
        (HIGH, 16, True),
        (HIGH, 16.1, False),
        (HIGH, math.inf, False),
        (LOW, math.nan, False),
        (HIGH, math.nan, False),
        (None, 16, None),
    ],
)
def test_figure_meets_its_target_at_the_limit_and_not_beyond(target, value, is_met):
    assert Figure("rate", value, target=target).is_met is is_met


@pytest.mark.parametrize(
    ("targets", "expected"),
    [([], True), ([None, LOW], True), ([None, LOW, Target(17, "at least")], False)],
)
def test_is_all_met_where_no_target_is_missed(targets, expected):
    assert is_all_met([Figure("rate", 16, target=target) for target in targets]) is expected


def test_compare_has_the_ratio_of_medians_and_of_each_round():
    ratio = compare([20, 30, 40], [10, 20, 10])
    assert ratio == Ratio(of_medians=3, lowest=1.5, highest=4)
    figure = ratio.judge("rate", target=LOW)
    assert figure == Figure("rate", 3, "x", "1.50 to 4.00", LOW)


def test_format_figures_has_a_line_for_each_with_its_verdict():
    figures = [
        Figure("rate", 16.26, "texts/s", target=LOW),
        Figure("p99", math.nan, "ms", "no call", target=HIGH),
        Figure("memory", 1234.5, "MiB"),
    ]
    assert format_figures(figures).splitlines() == [
        "                     measured  target",
        "met     rate    16.26 texts/s  at least 16 texts/s",
        "MISSED  p99              - ms  at most 16 ms        no call",
        "        memory      1,234 MiB",
    ]


def test_format_table_aligns_each_column():
    rows = [["name", "n", ""], ["a", "10", "x"], ["long name", "9", ""]]
    assert format_table(rows, align="<><").splitlines() == [
        "name        n",
        "a          10  x",
        "long name   9",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0123456, "0.01235 s"),
        (15.6789, "15.68 s"),
        (999.96, "1000 s"),
        (1000.0, "1,000 s"),
        (1234.5678, "1,235 s"),
        (-1234567.8, "-1,234,568 s"),
        (math.inf, "inf s"),
        (math.nan, "- s"),
    ],
)
def test_format_value_has_four_digits_and_no_exponent(value, text):
    assert format_value(value, unit="s") == text
    assert format_value(value) == text.removesuffix(" s")


def test_to_json_is_strict_json_with_null_for_what_is_not_finite():
    figure = Figure("rate", math.nan, target=LOW)
    document = {"points": [Point(math.inf), (1.5, math.nan)], 99.0: figure, "is_met": True}
    assert json.loads(to_json(document), parse_constant=pytest.fail) == {
        "points": [{"value": None, "note": ""}, [1.5, None]],
        "99.0": {
            "name": "rate",
            "value": None,
            "unit": "",
            "note": "",
            "target": {"limit": 16, "side": "at least"},
            "is_met": False,
        },
        "is_met": True,
    }
