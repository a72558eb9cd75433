"""What a table learns of the terminal."""

from __future__ import annotations

import io
import os
import sys

import pytest
from emotion_client.command.screen import DEFAULT_WIDTH, Screen, find_screen, is_terminal


@pytest.mark.parametrize(
    ("encoding", "block"), [("utf-8", "█"), ("ascii", "#"), ("latin-1", "#")], ids=str
)
def test_find_screen_takes_the_block_that_can_be_printed(
    encoding: str, block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    monkeypatch.setenv("COLUMNS", "33")
    assert find_screen() == Screen(33, block)


def test_find_screen_without_a_terminal_has_a_usual_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert find_screen() == Screen(DEFAULT_WIDTH, "#")


def test_is_terminal_tells_terminals_from_everything_else() -> None:
    leader, follower = os.openpty()
    with open(leader, "rb"), open(follower, "rb") as terminal:
        assert is_terminal(terminal)
    assert not is_terminal(terminal), "it is closed"
    assert not is_terminal(io.StringIO())
    assert not is_terminal(None)
