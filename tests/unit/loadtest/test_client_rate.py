"""The command `loadtest/client_rate.py`, from its arguments to its exit code."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path

import client_rate
import pytest
from client_rate import MIN_TEXTS_PER_ROUND, TARGETS, main, parse_args, split
from emotion_client.command.interruption import SIGNALS
from fake_behaviours import QUEUE_FULL, Refuse
from fake_server import FakeServer
from grpc import StatusCode
from server_load import ServerLoad
from ways import open_ways

SMALL = ["--rounds", "1", "--lines", "100", "--texts", "100"]
NEVER_MISSED = tuple(
    replace(target, limit=0.0 if target.quantity == "rate" else 1e9) for target in TARGETS
)
NEVER_MET = tuple(
    replace(target, limit=1e9 if target.quantity == "rate" else 0.0) for target in TARGETS
)


@pytest.fixture(autouse=True)
def idle_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake server keeps no statistics."""
    monkeypatch.setattr(client_rate, "read_load", lambda server: ServerLoad(0, 0, 0.0))
    monkeypatch.setattr(client_rate, "SETTLE_S", 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lines", "499"], "--lines is 499; 5 rounds need at least 500, or give fewer --rounds"),
        (["--texts", "10"], "--texts is 10; 5 rounds need at least 500"),
        (["--rounds", "0"], "'0' is no whole number of 1 to"),
        (["--lines", "many"], "'many' is no whole number of 1 to"),
        (["--url", "nowhere"], "--url"),
        (["--json", "/"], "--json /: is a folder; name a file"),
        (["--json", "/nowhere/rate.json"], "its folder does not exist; make it first"),
    ],
    ids=[
        "few-lines",
        "few-lyrics",
        "no-round",
        "no-number",
        "no-address",
        "folder",
        "missing-folder",
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_defaults_have_enough_texts_for_their_rounds() -> None:
    args = parse_args([])
    assert min(args.lines, args.texts) >= MIN_TEXTS_PER_ROUND * args.rounds


def test_help_names_every_way() -> None:
    assert client_rate.__doc__ is not None
    with open_ways("127.0.0.1:1") as ways:
        assert all(f"  {way.name}  " in client_rate.__doc__ for way in ways)


def test_split_parts_are_as_equal_as_can_be() -> None:
    assert split(11, 3) == [4, 4, 3]


def test_all_targets_met_is_code_0_and_all_figures(
    fake: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(client_rate, "TARGETS", NEVER_MISSED)
    path = tmp_path / "rate.json"
    assert main([*SMALL, "--url", fake.url, "--json", str(path)]) == 0
    out = capsys.readouterr().out
    assert out.count("met     ") == len(TARGETS)
    assert "MISSED" not in out
    assert "lyrics: 100 in 1 round; tokens p10" in out
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["revision"] == fake.served.revision
    assert [len(mix["ways"]) for mix in document["mixes"].values()] == [5, 5]


def test_missed_target_is_code_1(
    fake: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(client_rate, "TARGETS", (NEVER_MISSED[0], *NEVER_MET[1:]))
    assert main([*SMALL, "--url", fake.url]) == 1
    assert capsys.readouterr().out.count("MISSED") == len(TARGETS) - 1


def test_nobody_listening_is_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SMALL, "--url", "127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.startswith("client_rate: 127.0.0.1:1: ")


def test_model_of_another_length_is_code_2(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.served = replace(fake.served, max_length=512)
    assert main([*SMALL, "--url", fake.url]) == 2
    assert "reads 512 tokens of a text; the lyrics are made for 128" in capsys.readouterr().err


def test_server_that_is_too_slow_is_code_1(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.always = QUEUE_FULL
    assert main([*SMALL, "--url", fake.url]) == 1
    err = capsys.readouterr().err
    assert "Exceeds maximum queue size; a machine this slow or busy cannot be measured" in err


def test_server_that_fails_meanwhile_is_code_1(
    fake: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.always = Refuse(StatusCode.INTERNAL, "the model failed")
    assert main([*SMALL, "--url", fake.url]) == 1
    assert capsys.readouterr().err.endswith("the model failed\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_in_the_midst_is_code_0(
    number: int,
    fake: FakeServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        client_rate, "read_load", lambda server: signal.raise_signal(number) or ServerLoad(0, 0, 0)
    )
    assert main([*SMALL, "--url", fake.url]) == 0
    assert capsys.readouterr().out.endswith("client_rate: stopped\n")
