"""What all subcommands have in common."""

import importlib
import os
import signal
import subprocess
import sys
import tomllib

import emotion_client
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


def test_importing_the_client_imports_no_command_and_the_command_nothing_heavy():
    code = """
import sys
import emotion_client
assert not {"emotion_client.cli", "emotion_command"} & set(sys.modules)
import emotion_client.cli.main
print({"matplotlib", "tqdm", "torch", "transformers"} & set(sys.modules) or "light")
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "light\n"
    assert "cli" not in emotion_client.__all__
