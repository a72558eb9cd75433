"""The command `loadtest/autoscaling.py`, with a short day."""

import json

import pytest
from emotion_loadtest.autoscaler import Limits
from emotion_loadtest.fleet import Setting
from emotion_loadtest.replica import ServiceTime

from loadtest import autoscaling


@pytest.fixture(autouse=True)
def short_day(monkeypatch):
    monkeypatch.setattr(autoscaling, "DAY_S", 120.0)


def test_command_compares_two_ways_and_writes_its_report(tmp_path, capsys):
    folder = tmp_path / "new"
    assert autoscaling.main([f"--report={folder}", "--traffic=0.1"]) == 0
    out = capsys.readouterr().out
    assert "KEDA" in out
    assert "HPA, CPU 70%" in out
    assert f"report: {folder / 'autoscaling.png'} (and .json)" in out
    assert {file.name for file in folder.iterdir()} == {"autoscaling.png", "autoscaling.json"}


def test_options_reach_the_simulation(tmp_path):
    options = ["--busy=0.5", "--waiting=7", "--start-up=9", "--min-replicas=3", "--max-replicas=4"]
    assert autoscaling.main([*options, "--rate=100", "--traffic=0.1", f"--report={tmp_path}"]) == 0
    keda, hpa = json.loads((tmp_path / "autoscaling.json").read_text())
    assert keda["num_replicas"] == 3
    assert keda["setting"]["limits"]["max_replicas"] == 4
    values = ("busy_s", "waiting", "start_up_s")
    assert [keda["setting"][name] for name in values] == [0.5, 7, 9]
    assert [hpa["setting"][name] for name in values] == [0.5, None, 9]


def test_defaults_are_those_of_the_simulation():
    args = autoscaling.parse_args([])
    found = [args.busy[0], args.waiting, args.start_up, args.rate]
    setting = Setting("")
    assert found == [setting.busy_s, setting.waiting, setting.start_up_s, ServiceTime().max_rate]
    assert Limits(args.min_replicas, args.max_replicas) == Limits()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--busy", "1", "1", "1"], "--busy: expected one or two numbers, got 3"),
        (["--busy=0"], "expected a number greater than 0 and at most 1, got '0'"),
        (["--max-replicas=0"], "expected an integer from 1 to 100, got '0'"),
        (["--min-replicas=9"], "--min-replicas is 9; it must be at most --max-replicas"),
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(arguments, message, capsys):
    with pytest.raises(SystemExit) as stop:
        autoscaling.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_help_fills_in_its_defaults(capsys):
    with pytest.raises(SystemExit):
        autoscaling.main(["--help"])
    out = capsys.readouterr().out
    assert "%(" not in out
    assert "(0.7 0.5)" in out
