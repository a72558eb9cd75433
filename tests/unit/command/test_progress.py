"""A progress bar appears on a terminal, for long work only."""

from __future__ import annotations

import sys

import pytest
from emotion_command import progress


@pytest.fixture
def terminals(monkeypatch):
    """Names of the streams that are terminals; a bar appears at once."""
    found: set[str] = set()

    def is_terminal(stream):
        return any(stream is getattr(sys, name) for name in found)

    monkeypatch.setattr(progress, "is_terminal", is_terminal)
    monkeypatch.setattr(progress, "DELAY_S", 1e-9)
    return found


@pytest.mark.parametrize(
    ("names", "beside_results", "delay_s", "has_bar"),
    [
        pytest.param({"stderr"}, False, 1e-9, True, id="results-in-a-file"),
        pytest.param({"stderr"}, False, 60.0, False, id="short-work"),
        pytest.param({"stderr", "stdout"}, False, 1e-9, False, id="results-on-the-terminal"),
        pytest.param({"stderr", "stdout"}, True, 1e-9, True, id="beside-results"),
        pytest.param({"stdout"}, True, 1e-9, False, id="errors-in-a-file"),
        pytest.param(set(), True, 1e-9, False, id="no-terminal"),
    ],
)
def test_show_progress_bar_appears_on_a_terminal(
    names, beside_results, delay_s, has_bar, terminals, monkeypatch, capsys
):
    terminals |= names
    monkeypatch.setattr(progress, "DELAY_S", delay_s)
    options = {"beside_results": True} if beside_results else {}
    with progress.show_progress(2, name="evaluate", **options) as advance:
        advance(1)
        advance(1)
    printed, errors = capsys.readouterr()
    assert printed == ""
    assert ("2/2" in errors) == has_bar
    assert bool(errors) == has_bar


def test_show_progress_begins_where_an_earlier_run_stopped(terminals, capsys):
    terminals.add("stderr")
    with progress.show_progress(10, name="score", num_done=7) as advance:
        advance(1)
        advance(1)
    assert "9/10" in capsys.readouterr().err


def test_show_progress_without_a_total_counts(terminals, capsys):
    terminals.add("stderr")
    with progress.show_progress(None, name="evaluate", unit="song") as advance:
        advance(3)
    assert "evaluate: 3 songs" in capsys.readouterr().err


def test_show_progress_without_a_reader_continues(terminals, unread, monkeypatch):
    monkeypatch.setattr(sys, "stderr", unread)
    terminals.add("stderr")
    with progress.show_progress(2, name="evaluate") as advance:
        advance(1)
        advance(1)
    with pytest.raises(ValueError, match="bad"), progress.show_progress(2, name="evaluate"):
        raise ValueError("bad")
    print("muted", file=unread, flush=True)
