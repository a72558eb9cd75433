"""A bar for whoever waits, and for nobody else."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from emotion_client.command import progress


@pytest.fixture
def terminals(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the streams that are terminals."""
    found: set[str] = set()

    def is_terminal(stream: Any) -> bool:
        return any(stream is getattr(sys, name) for name in found)

    monkeypatch.setattr(progress, "is_terminal", is_terminal)
    return found


@pytest.mark.parametrize(
    ("names", "delay_s", "has_bar"),
    [
        ({"stderr"}, 1e-9, True),
        ({"stderr"}, 60.0, False),
        ({"stderr", "stdout"}, 1e-9, False),
        ({"stdout"}, 1e-9, False),
        (set(), 1e-9, False),
    ],
    ids=["long", "short", "beside-results", "errors-in-a-file", "no-terminal"],
)
def test_show_progress_bar_comes_where_somebody_waits(
    names: set[str],
    delay_s: float,
    has_bar: bool,
    terminals: set[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminals |= names
    monkeypatch.setattr(progress, "DELAY_S", delay_s)
    with progress.show_progress(2) as advance:
        advance(1)
        advance(1)
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert ("2/2" in errors) == has_bar
    assert bool(errors) == has_bar


def test_show_progress_of_unknown_length_counts(
    terminals: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminals.add("stderr")
    monkeypatch.setattr(progress, "DELAY_S", 1e-9)
    with progress.show_progress(None) as advance:
        advance(3)
    assert "lyric-emotion: 3 texts" in capsys.readouterr().err


def test_show_progress_without_tqdm_shows_none(
    terminals: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terminals.add("stderr")
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with progress.show_progress(2) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
