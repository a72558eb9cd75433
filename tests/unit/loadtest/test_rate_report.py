"""How results look."""

from __future__ import annotations

import json

import pytest
from rate_report import build_json, format_table, format_verdict
from rates import Figures, Lap, Result, Target, judge
from text_mix import LengthStatistics, Mix

MIX = Mix("lyrics", [["la"], ["lo"]], LengthStatistics(38, 104, 128, 92.04, 0.45))
LAPS = [Lap(100, 0.5, 0.1, 100, 2, 0.4), Lap(100, 1.0, 0.1, 100, 2, 0.4)]
SLOW_LAPS = [Lap(100, 1.0, 0.1, 100, 2, 0.4), Lap(100, 2.0, 0.1, 100, 2, 0.4)]
TARGET = Target("lyrics", "ours", "theirs", quantity="rate", limit=1.5)


def test_format_table_columns_stand_below_each_other() -> None:
    figures = Figures(1234.5, 999.4, 2000, 0.25, 31.96, 0.975)
    head, units, row = format_table({"predict_many": figures}).splitlines()
    assert row.split() == ["predict_many", "1,234", "999..2,000", "0.25", "32.0", "98%"]
    assert len(head) == len(row)
    assert head.index("client CPU") + len("client CPU") == len(units)


@pytest.mark.parametrize(
    ("laps", "others", "line"),
    [
        (
            LAPS,
            SLOW_LAPS,
            "met     lyrics: ours has 2.00 x the rate of theirs (2.00 to 2.00); at least 1.50",
        ),
        (
            LAPS,
            LAPS,
            "MISSED  lyrics: ours has 1.00 x the rate of theirs (1.00 to 1.00); at least 1.50",
        ),
    ],
    ids=["met", "missed"],
)
def test_format_verdict_says_what_was_wanted(laps: list[Lap], others: list[Lap], line: str) -> None:
    assert format_verdict(judge(TARGET, laps=laps, others=others)) == line


def test_build_json_has_all_laps_and_no_text() -> None:
    results = [Result(MIX, {"ours": LAPS, "theirs": SLOW_LAPS})]
    verdict = judge(TARGET, laps=LAPS, others=SLOW_LAPS)
    content = build_json(results, verdicts=[verdict], facts={"seed": 7})
    document = json.loads(content)
    assert document["seed"] == 7
    ours = document["mixes"]["lyrics"]["ways"]["ours"]
    assert (ours["texts_per_s"], len(ours["laps"])) == (150, 2)
    assert document["targets"][0]["target"]["way"] == "ours"
    assert document["targets"][0]["is_met"] is True
    assert '"la"' not in content
