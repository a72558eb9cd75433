"""Figures of the engine: rates, costs by length, and how they are printed."""

import pytest
from emotion_benchmarks.engine.result import (
    LengthCost,
    Measurement,
    build_document,
    find_deviations,
    format_costs,
    format_measurements,
    judge_costs,
)

ONE = Measurement(
    model="default",
    workload="64 lyrics",
    num_rows=64,
    seconds=0.5,
    flops_per_s=100e9,
    peak_flops_per_s=400e9,
    operators={"linear": 0.6, "attention": 0.3, "a": 0.04, "b": 0.03, "c": 0.02, "d": 0.01},
)


def make_costs(*us_per_token, model="default"):
    row_lens = [8 * 2**i for i in range(len(us_per_token))]
    pairs = zip(row_lens, us_per_token, strict=True)
    return [LengthCost(model, row_len, seconds=64e-6 * row_len * us) for row_len, us in pairs]


def test_measurement_has_rate_and_share_of_the_peak():
    assert str(ONE) == "default, 64 lyrics: 128.0 rows/s, 25% of the peak"
    head, row = format_measurements([ONE]).splitlines()
    assert row.split()[:7] == ["default", "64", "lyrics", "128.0", "500.0", "100", "25%"]
    assert row.endswith("linear 60%, attention 30%, a 4%, b 3%, c 2%")
    assert row.index("linear") == head.index("where")


def test_build_document_has_every_figure():
    (one,) = build_document([ONE])
    assert (one["rows_per_s"], one["peak_share"], one["seconds"]) == (128, 0.25, 0.5)
    assert one["operators"] == ONE.operators


def test_format_costs_has_a_line_for_each_length():
    head, *rows = format_costs(make_costs(5, 6)).splitlines()
    assert head.split() == ["model", "tokens", "a", "row", "ms", "us", "a", "token"]
    assert [row.split() for row in rows] == [
        ["default", "8", "2.6", "5.0"],
        ["default", "16", "6.1", "6.0"],
    ]
    assert str(make_costs(5)[0]) == "default, 8 tokens a row: 5.0 us a token"


def test_find_deviations_are_from_the_middle_of_the_extremes():
    assert find_deviations(make_costs(5, 5)) == pytest.approx([0, 0])
    assert find_deviations(make_costs(8, 10, 12)) == pytest.approx([-0.2, 0, 0.2])


@pytest.mark.parametrize(("last", "is_met"), [(16.6, True), (16.7, False)])
def test_judge_costs_judges_the_furthest_of_each_model(last, is_met):
    other = make_costs(5, 5, model="bert-base")
    own, flat = judge_costs([*make_costs(10, 12, last), *other])
    assert (own.name, own.is_met) == ("default: furthest from a straight line", is_met)
    assert own.value == pytest.approx(100 * (last - 10) / (last + 10))
    assert (flat.value, flat.is_met) == (pytest.approx(0), True)
