"""What all subcommands have in common."""

import importlib
import os
import signal
import tomllib

import pytest
from emotion_client.cli.main import COMMANDS, main
from emotion_client.cli.options import parse_args
from emotion_command.checkout import ROOT


def test_every_subcommand_of_the_parser_has_a_function():
    arguments = {"song": ["a.txt"]}
    for name in COMMANDS:
        assert parse_args([name, *arguments.get(name, [])]).command == name


def test_main_is_the_console_script():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["lyric-emotion"].partition(":")
    assert getattr(importlib.import_module(module), function) is main


@pytest.mark.parametrize(
    ("command", "method", "code"),
    [("info", "connect", 0), ("ready", "is_ready", 1), ("ready", "predict", 1)],
)
def test_main_stopped_is_done_but_not_ready(command, method, code, service, monkeypatch, capsys):
    def interrupt(*_):
        os.kill(os.getpid(), signal.SIGTERM)

    service.is_ready = False
    monkeypatch.setattr(f"fake_client.Client.{method}", interrupt)
    assert main([command]) == code
    assert capsys.readouterr() == ("", "lyric-emotion: stopped\n")


def test_main_header_is_sent_and_never_shown(service, capsys):
    assert main(["info", "--header=authorization=hush-hush"]) == 0
    assert service.clients[0].headers == {"authorization": "hush-hush"}
    assert "hush" not in "".join(capsys.readouterr())
