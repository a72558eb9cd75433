"""Text fits into columns and does nothing to the terminal."""

from __future__ import annotations

import pytest
from emotion_client.command.display import draw_bar, measure, pad, reveal, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("rain on the roof", "rain on the roof"),
        ("Ніч і зорі", "Ніч і зорі"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202eevil", r"\u202eevil"),
        ("\udcff", r"\udcff"),
        ("a\u2028b", r"a\u2028b"),
        ("wide\u3000and\u00a0narrow", "wide and narrow"),
        ("👩\u200d🚀 می\u200cروم", "👩\u200d🚀 می\u200cروم"),
    ],
    ids=[
        "empty",
        "plain",
        "cyrillic",
        "white-space",
        "escape-sequence",
        "c1-control",
        "direction",
        "surrogate",
        "line-separator",
        "other-blanks",
        "joiners",
    ],
)
def test_reveal_shows_what_a_terminal_would_obey(text: str, shown: str) -> None:
    assert reveal(text) == shown


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("rain", 4), ("Ніч", 3), ("日本", 4), ("e\u0301", 1), ("🌊", 2), ("a\u200db", 2)],
    ids=["empty", "ascii", "cyrillic", "wide", "combining", "emoji", "joiner"],
)
def test_measure_counts_columns(text: str, width: int) -> None:
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
def test_shorten_fills_no_more_than_the_width(text: str, width: int, shown: str) -> None:
    assert shorten(text, width=width) == shown
    assert measure(shown) <= max(width, 0)


@pytest.mark.parametrize("text", ["la " * 400_000, "a" + "\u0301" * 400_000], ids=["long", "marks"])
def test_shorten_reads_no_more_than_it_needs(text: str) -> None:
    shown = shorten(text, width=20)
    assert shown.endswith("…")
    assert len(shown) <= 8 * 20 + 1


@pytest.mark.parametrize(
    ("share", "bar"), [(0, "    "), (0.5, "##  "), (0.9, "####"), (1, "####")], ids=str
)
def test_draw_bar_is_as_long_as_the_share(share: float, bar: str) -> None:
    assert draw_bar(share, width=4, block="#") == bar
