"""How results look."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from comparison.closed_loop import Load
from comparison.figures import Lap, Outcome, judge
from comparison.peer import Peer
from comparison.report import HEAD, build_json, format_table, format_verdict

Make = Callable[..., Outcome]


@pytest.fixture
def outcomes(make_outcome: Make) -> list[Outcome]:
    return [
        make_outcome("ours", 100, form="ours"),
        make_outcome("ours-text", 80, form="ours"),
        make_outcome("slow", 40),
        make_outcome("broken", error="it ended with code 1: no model", form="example"),
    ]


def test_table_has_a_line_for_each_server_measured_or_not(outcomes: list[Outcome]) -> None:
    head, units, *rows = format_table(outcomes, num_checked=64).splitlines()
    assert rows[0].split() == ["Ours", "100", "500", "500", "15.0", "1.00", "512", "1.00", "0.80"]
    assert rows[2].split()[-2:] == ["2.50", "2.00"]
    assert rows[3].split(maxsplit=2)[2] == "not measured: it ended with code 1: no model"
    assert len(head) == len(units) == len(rows[0])
    assert len(HEAD) == 8


def test_table_names_wrong_answers_a_busy_caller_and_company(
    make_peer: Callable[..., Peer], make_lap: Callable[..., Lap]
) -> None:
    busy = Lap(
        Load(1.0, (0.1,), server_cpu_s=0.5, caller_cpu_s=0.97, machine_cpu_s=1.97), 1, num_wrong=0
    )
    outcomes = [
        Outcome(make_peer("a"), (make_lap(100, num_wrong=7),)),
        Outcome(make_peer("b"), (busy,)),
    ]
    table = format_table(outcomes, num_checked=64)
    assert "WRONG: A, tuned: 7 of 64 answers are not the model's" in table
    assert "B, tuned: the calling process used 97% of a core" in table
    assert "B, tuned: other processes kept 0.5 cores busy meanwhile" in table


def test_verdict_says_what_was_wanted(outcomes: list[Outcome]) -> None:
    (verdict,) = judge(outcomes[0], outcomes, limits={"tuned": 2.0})
    assert format_verdict(verdict) == (
        "met     ours has 2.50 x the rate of Slow, tuned (2.50 to 2.50); at least 2.00"
    )
    (verdict,) = judge(outcomes[1], outcomes, limits={"tuned": 2.01})
    assert format_verdict(verdict).startswith("MISSED  ours has 2.00 x")


def test_json_has_figures_errors_and_facts(outcomes: list[Outcome]) -> None:
    verdicts = judge(outcomes[0], outcomes, limits={"tuned": 2.0})
    document = json.loads(build_json(outcomes, verdicts=verdicts, facts={"seed": 7}))
    assert document["seed"] == 7
    assert document["peers"]["slow"]["figures"]["texts_per_s"] == 40
    assert document["peers"]["slow"]["ratio_of_ours"]["of_medians"] == 2.5
    assert document["peers"]["broken"]["error"] == "it ended with code 1: no model"
    assert document["targets"][0] == {"peer": "slow", "limit": 2.0, "ratio": 2.5, "is_met": True}
