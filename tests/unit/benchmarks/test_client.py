"""The command `benchmarks/client.py`."""

import json
import signal
from dataclasses import replace
from functools import partial

import pytest
from emotion_benchmarks.client import measure
from emotion_benchmarks.client.measure import split
from emotion_benchmarks.client.result import CONTESTS, judge
from emotion_benchmarks.client.ways import open_ways
from emotion_command.signals import SIGNALS
from emotion_loadtest.figure import Target
from emotion_server.counters import ServerLoad
from fake_behaviours import QUEUE_FULL, Refuse
from grpc import StatusCode

from benchmarks import client
from benchmarks.client import main

SMALL = ["--rounds=1", "--lines=100", "--texts=100"]


@pytest.fixture(autouse=True)
def idle_server(monkeypatch):
    """The fake server keeps no statistics."""
    monkeypatch.setattr(measure, "read_load", lambda server: ServerLoad(0, 0, 0.0))
    monkeypatch.setattr(measure, "SETTLE_S", 0.0)


@pytest.fixture(scope="module")
def made():
    """The texts that were made, by what they were made for."""
    return {}


@pytest.fixture(autouse=True)
def same_texts(made, monkeypatch):
    """Makes the same texts only once."""
    read_mixes = client.read_mixes

    def read_once(info, **plan):
        key = (info.revision, *sorted(plan.items()))
        if key not in made:
            made[key] = read_mixes(info, **plan)
        return made[key]

    monkeypatch.setattr(client, "read_mixes", read_once)


def test_help_names_every_way():
    with open_ways("127.0.0.1:1") as ways:
        assert all(f"  {way.name}  " in client.__doc__ for way in ways)


def test_split_parts_are_as_equal_as_can_be():
    assert split(11, 3) == [4, 4, 3]


@pytest.mark.parametrize(("side", "code"), [("at most", 0), ("at least", 1)], ids=["met", "missed"])
def test_exit_code_says_whether_targets_are_met(side, code, fake, monkeypatch, tmp_path, capsys):
    contests = [replace(each, target=Target(1e9, "at most")) for each in CONTESTS]
    contests[1] = replace(contests[1], target=Target(1e9, side))
    monkeypatch.setattr(client, "judge", partial(judge, contests=contests))
    path = tmp_path / "rate.json"
    assert main([*SMALL, f"--url={fake.url}", f"--json={path}"]) == code
    out = capsys.readouterr().out
    assert (out.count("\nmet  "), out.count("\nMISSED  ")) == (4 - code, code)
    assert "lyrics: 100 in 1 round; tokens p10" in out
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["revision"] == fake.served.revision
    assert [len(mix["ways"]) for mix in document["mixes"].values()] == [5, 5]
    assert [each["is_met"] for each in document["targets"]].count(False) == code


def test_nothing_listening_is_code_2(capsys):
    assert main([*SMALL, "--url=127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.startswith("bench-client: 127.0.0.1:1: ")


def test_model_of_another_length_is_code_2(fake, capsys):
    fake.served = replace(fake.served, max_length=512)
    assert main([*SMALL, f"--url={fake.url}"]) == 2
    assert "reads 512 tokens of a text; the lyrics are made for 128" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("behaviour", "end"),
    [
        pytest.param(
            QUEUE_FULL, "or too busy to be measured: try again when it is idle", id="slow"
        ),
        pytest.param(Refuse(StatusCode.INTERNAL, "model failed"), "model failed", id="broken"),
    ],
)
def test_server_that_fails_under_load_is_code_1(behaviour, end, fake, monkeypatch, capsys):
    monkeypatch.setattr(measure, "open_ways", partial(open_ways, timeout_s=1.0))
    fake.always = behaviour
    assert main([*SMALL, f"--url={fake.url}"]) == 1
    assert capsys.readouterr().err.endswith(f"{end}\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_under_load_is_code_0(number, fake, monkeypatch, capsys):
    monkeypatch.setattr(
        measure, "read_load", lambda server: signal.raise_signal(number) or ServerLoad(0, 0, 0)
    )
    assert main([*SMALL, f"--url={fake.url}"]) == 0
    assert capsys.readouterr().err == "bench-client: stopped\n"
