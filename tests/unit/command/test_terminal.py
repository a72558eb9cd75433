"""Text fits into columns and cannot control the terminal."""

import io
import os
import sys

import pytest
from emotion_command.terminal import (
    DEFAULT_WIDTH,
    Screen,
    draw_bar,
    find_screen,
    is_terminal,
    measure,
    pad,
    reveal,
    shorten,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("", "", id="empty"),
        pytest.param("rain on the roof", "rain on the roof", id="plain"),
        pytest.param("Ніч і зорі", "Ніч і зорі", id="cyrillic"),
        pytest.param("a\tb\r\nc", r"a\tb\r\nc", id="white-space"),
        pytest.param("\x1b[31mred\x07", r"\x1b[31mred\x07", id="escape-sequence"),
        pytest.param("\x9b31m", r"\x9b31m", id="c1-control"),
        pytest.param("\u202eevil", r"\u202eevil", id="direction"),
        pytest.param("\udcff", r"\udcff", id="surrogate"),
        pytest.param("a\u2028b", r"a\u2028b", id="line-separator"),
        pytest.param("wide\u3000and\u00a0narrow", "wide and narrow", id="other-blanks"),
        pytest.param("👩\u200d🚀 می\u200cروم", "👩\u200d🚀 می\u200cروم", id="joiners"),
    ],
)
def test_reveal_escapes_what_a_terminal_would_obey(text, shown):
    assert reveal(text) == shown


@pytest.mark.parametrize(
    ("text", "width"),
    [
        pytest.param("", 0, id="empty"),
        pytest.param("rain", 4, id="ascii"),
        pytest.param("Ніч", 3, id="cyrillic"),
        pytest.param("日本", 4, id="wide"),
        pytest.param("e\u0301", 1, id="combining"),
        pytest.param("🌊", 2, id="emoji"),
        pytest.param("a\u200db", 2, id="joiner"),
    ],
)
def test_measure_counts_columns(text, width):
    assert measure(text) == width
    assert measure(pad(text, width=9)) == 9


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("rain", 4, "rain"),
        ("rains", 4, "rai…"),
        ("日本語", 6, "日本語"),
        ("日本語の", 6, "日本…"),
        ("ab\x1bcd", 6, "ab…"),
        ("ab\x1b", 6, r"ab\x1b"),
        ("rain", 1, "…"),
        ("rain", 0, ""),
        ("rain", -3, ""),
        ("", 0, ""),
    ],
)
def test_shorten_fits_into_the_width(text, width, shown):
    assert shorten(text, width=width) == shown
    assert measure(shown) <= max(width, 0)


@pytest.mark.parametrize("text", ["la " * 400_000, "a" + "\u0301" * 400_000], ids=["long", "marks"])
def test_shorten_reads_only_what_it_needs(text):
    shown = shorten(text, width=20)
    assert shown.endswith("…")
    assert len(shown) <= 8 * 20 + 1


@pytest.mark.parametrize(("share", "bar"), [(0, "    "), (0.5, "##  "), (0.9, "####"), (1, "####")])
def test_draw_bar_is_as_long_as_the_share(share, bar):
    assert draw_bar(share, width=4, block="#") == bar


@pytest.mark.parametrize(("encoding", "block"), [("utf-8", "█"), ("ascii", "#"), ("latin-1", "#")])
def test_find_screen_chooses_a_block_that_can_be_printed(encoding, block, monkeypatch):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    monkeypatch.setenv("COLUMNS", "33")
    assert find_screen() == Screen(33, block)


def test_find_screen_without_a_terminal_has_the_default_width(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys, "__stdout__", None)
    monkeypatch.setattr(sys, "stdout", None)
    assert find_screen() == Screen(DEFAULT_WIDTH, "#")


def test_is_terminal_is_true_only_of_an_open_terminal():
    leader, follower = os.openpty()
    with open(leader, "rb"), open(follower, "rb") as terminal:
        assert is_terminal(terminal)
    assert not is_terminal(terminal), "it is closed"
    assert not is_terminal(io.StringIO())
    assert not is_terminal(None)
