"""What all commands have in common."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tomllib

import emotion_client
import pytest
from emotion_client.command.main import COMMANDS, main
from emotion_client.command.options import parse_args
from fake_client import Service
from serving.triton_server import REPOSITORY


def test_every_command_that_can_be_said_can_be_run() -> None:
    arguments = {"song": ["a.txt"]}
    for name in COMMANDS:
        assert parse_args([name, *arguments.get(name, [])]).command == name


def test_main_is_the_console_script() -> None:
    project = tomllib.loads((REPOSITORY.parent / "pyproject.toml").read_text())["project"]
    module, _, function = project["scripts"]["lyric-emotion"].partition(":")
    assert getattr(importlib.import_module(module), function) is main


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("argv", "code"), [(["info"], 0), (["ready"], 1)], ids=["info", "ready"])
def test_main_stopped_says_so(
    argv: list[str],
    code: int,
    number: int,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(client: object) -> None:
        os.kill(os.getpid(), number)

    for method in ("connect", "is_ready"):
        monkeypatch.setattr(f"fake_client.Client.{method}", interrupt)
    assert main(argv) == code
    assert capsys.readouterr() == ("", "lyric-emotion: stopped\n")


def test_main_header_is_sent_and_never_shown(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", "--header=authorization=hush-hush"]) == 0
    assert service.clients[0].headers == {"authorization": "hush-hush"}
    assert "hush" not in "".join(capsys.readouterr())


def test_importing_the_client_imports_no_command_and_the_command_no_picture() -> None:
    code = """
import sys
import emotion_client
assert not [name for name in sys.modules if name.startswith("emotion_client.command")]
import emotion_client.command.main
print({"matplotlib", "tqdm", "torch", "transformers"} & set(sys.modules) or "light")
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "light\n"
    assert "command" not in emotion_client.__all__
