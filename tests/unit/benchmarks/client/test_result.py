"""Medians, ratios, table and JSON of the ways to ask."""

import json

import pytest
from emotion_benchmarks.client.result import (
    Contest,
    MixResult,
    WayLap,
    build_document,
    format_ways,
    judge,
    summarize,
)
from emotion_loadtest.figure import Target, to_json
from emotion_loadtest.texts import LengthStatistics, Mix
from emotion_server.counters import ServerLoad

MIX = Mix("lyrics", [["la"], ["lo"]], LengthStatistics(38, 104, 128, 92.04, 0.45))


def make_lap(rate, *, cpu_s=0.5, num_batches=4, busy_share=0.5):
    wall_s = 100 / rate
    return WayLap(100, wall_s, cpu_s, ServerLoad(100, num_batches, busy_share * wall_s))


def test_summarize_takes_medians():
    laps = [
        make_lap(100, cpu_s=0.1, num_batches=10, busy_share=0.5),
        make_lap(50, cpu_s=0.3, num_batches=5, busy_share=0.75),
        make_lap(25, cpu_s=0.2, num_batches=2, busy_share=1.0),
    ]
    figures = summarize(laps)
    assert (figures.texts_per_s, figures.slowest, figures.fastest) == (50, 25, 100)
    assert figures.cpu_s_per_1000 == pytest.approx(2)
    assert (figures.rows_per_batch, figures.busy_share) == (20, 0.75)


def test_summarize_server_without_a_batch_is_not_an_error():
    assert summarize([WayLap(1, 1, 1, ServerLoad(0, 0, 0.0))]).rows_per_batch == 0


@pytest.mark.parametrize(
    ("quantity", "target", "is_met"),
    [
        pytest.param("rate", Target(1.5, "at least"), True, id="rate-met"),
        pytest.param("rate", Target(1.6, "at least"), False, id="rate-missed"),
        pytest.param("time", Target(0.7, "at most"), True, id="time-met"),
        pytest.param("time", Target(0.6, "at most"), False, id="time-missed"),
    ],
)
def test_judge_decides_by_the_ratio_of_medians(quantity, target, is_met):
    laps = {
        "ours": [make_lap(rate) for rate in (10, 150, 160)],
        "theirs": [make_lap(rate) for rate in (100, 50, 400)],
    }
    contest = Contest("lyrics", "ours", "theirs", quantity, target)
    (figure,) = judge([MixResult(MIX, laps)], contests=[contest])
    ratio, spread = (1.5, "0.10 to 3.00") if quantity == "rate" else (1 / 1.5, "0.33 to 10.00")
    assert figure.name == f"lyrics: {quantity} of ours / theirs"
    assert figure.value == pytest.approx(ratio)
    assert (figure.note, figure.target, figure.is_met) == (spread, target, is_met)


def test_format_ways_has_a_line_for_each():
    lap = make_lap(1234.5, cpu_s=0.025, num_batches=3, busy_share=0.975)
    head, row = format_ways({"predict_many": [lap, lap]}).splitlines()
    assert row.split() == ["predict_many", "1,234", "1,234..1,234", "0.25", "33.3", "98%"]
    assert head.index("client CPU s/1,000") + len("client CPU s/1,000") == row.index("0.25") + 4


def test_build_document_has_all_laps_and_no_text():
    result = MixResult(MIX, {"ours": [make_lap(200), make_lap(100)]})
    content = to_json(build_document([result]))
    mix = json.loads(content)["lyrics"]
    assert (mix["num_texts"], mix["tokens"]["p50"]) == (2, 104)
    assert (mix["ways"]["ours"]["texts_per_s"], len(mix["ways"]["ours"]["laps"])) == (150, 2)
    assert '"la"' not in content
