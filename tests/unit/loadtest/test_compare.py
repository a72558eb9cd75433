"""The command `loadtest/compare.py`: its arguments, its order, its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from compare import choose_exit_code, main, parse_args, rotate_peers
from comparison.closed_loop import Load
from comparison.figures import Lap, Outcome, Ratio, Verdict
from comparison.peers import PEERS

OURS, OURS_TEXT, LITSERVE = PEERS[:3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "nobody"], "invalid choice: 'nobody'"),
        (["--rounds", "0"], "'0' is no whole number of 1 to 100"),
        (["--seconds", "0"], "'0' is no number above 0 and up to 600"),
        (["--seconds", "nan"], "'nan' is no number above 0 and up to 600"),
        (["--warm-up", "long"], "'long' is no number above 0 and up to 600"),
        (["--json", "/nowhere/compare.json"], "its folder does not exist; make it first"),
    ],
    ids=["unknown-server", "no-round", "no-time", "no-number", "no-word", "missing-folder"],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_repository_without_checkpoint_is_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--model-repository", str(tmp_path)]) == 2
    assert "config.pbtxt is missing" in capsys.readouterr().err


def test_defaults_are_all_servers() -> None:
    assert parse_args([], peers=PEERS).only == [peer.key for peer in PEERS]


def test_rotate_spreads_the_places_over_the_rounds() -> None:
    first, second = (rotate_peers(PEERS, round_number=i, num_rounds=2) for i in range(2))
    assert first == list(PEERS)
    assert sorted(map(id, second)) == sorted(map(id, PEERS))
    assert second.index(PEERS[0]) == (len(PEERS) + 1) // 2


LOAD = Load(10.0, (0.5,), server_cpu_s=15.0, caller_cpu_s=1.0, machine_cpu_s=16.5)
GOOD, WRONG = Lap(LOAD, 2**20, num_wrong=0), Lap(LOAD, 2**20, num_wrong=1)
FAILED = Outcome(LITSERVE, (), "it cannot be installed")


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([Outcome(OURS, (GOOD,), None), Outcome(LITSERVE, (GOOD,), None)], 0),
        ([Outcome(OURS, (GOOD,), None), FAILED], 0),
        ([Outcome(OURS_TEXT, (), "it ended")], 2),
        ([Outcome(OURS, (GOOD,), "it ended")], 1),
        ([Outcome(OURS, (WRONG,), None)], 1),
    ],
    ids=["measured", "peer-failed", "ours-cannot-start", "ours-died", "ours-is-wrong"],
)
def test_exit_code(outcomes: list[Outcome], code: int) -> None:
    assert choose_exit_code(outcomes, verdicts=[], is_judged=False) == code


@pytest.mark.parametrize(
    ("outcomes", "rates", "code"),
    [
        ([Outcome(OURS, (GOOD,), None), Outcome(LITSERVE, (GOOD,), None)], [3.0], 0),
        ([Outcome(OURS, (GOOD,), None), Outcome(LITSERVE, (GOOD,), None)], [1.0], 1),
        ([Outcome(OURS, (GOOD,), None), FAILED], [], 2),
        ([Outcome(LITSERVE, (GOOD,), None)], [], 2),
    ],
    ids=["met", "missed", "peer-failed", "without-ours"],
)
def test_exit_code_where_targets_are_checked(
    outcomes: list[Outcome], rates: list[float], code: int
) -> None:
    verdicts = [Verdict(LITSERVE, Ratio(rate, rate, rate), 2.0) for rate in rates]
    assert choose_exit_code(outcomes, verdicts=verdicts, is_judged=True) == code
