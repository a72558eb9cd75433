"""The command `loadtest/compare.py`: its arguments, its order, its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest
from compare import choose_exit_code, main, parse_args, rotate_peers
from comparison.figures import Outcome
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


@pytest.mark.parametrize(
    ("outcomes", "is_met", "code"),
    [
        ([Outcome(OURS, (), None)], True, 0),
        ([Outcome(OURS, (), None)], False, 1),
        ([Outcome(LITSERVE, (), "it cannot be installed")], True, 0),
        ([Outcome(OURS_TEXT, (), "it ended")], True, 2),
    ],
    ids=["measured", "missed", "peer-failed", "ours-cannot-start"],
)
def test_exit_code(outcomes: list[Outcome], is_met: bool, code: int) -> None:
    assert choose_exit_code(outcomes, is_met=is_met) == code
