"""The demo's songs, and the lines that it prints."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from demo import BAR_WIDTH, LYRICS, format_row, read_songs
from emotion_client import Prediction


def predicted(confidence: float, *, num_tokens: int = 9, truncated: bool = False) -> Prediction:
    return Prediction("joy", confidence, {"joy": confidence}, num_tokens, truncated, "0" * 64)


def is_latin(text: str) -> bool:
    return all("LATIN" in unicodedata.name(char) for char in text if char.isalpha())


def test_lyrics_file_holds_a_dozen_songs_with_a_title_and_lines() -> None:
    songs = read_songs(LYRICS)
    assert len(songs) == 12
    for title, lyrics in songs.items():
        assert title.strip() == title != ""
        assert lyrics.strip() != ""
        assert not title.startswith("#")


def test_lyrics_file_has_one_song_in_another_script() -> None:
    assert [is_latin(lyrics) for lyrics in read_songs(LYRICS).values()].count(False) == 1


def test_lyrics_file_titles_fit_their_column() -> None:
    assert max(map(len, read_songs(LYRICS))) <= 18


def test_read_songs_blocks_become_title_and_lyrics(tmp_path: Path) -> None:
    path = tmp_path / "songs.txt"
    path.write_text("# A comment.\n\nOne\nla la\nlo lo\n\nДва\nля\n", encoding="utf-8")
    assert read_songs(path) == {"One": "la la\nlo lo", "Два": "ля"}


@pytest.mark.parametrize(
    ("confidence", "num_blocks"),
    [(0.0, 0), (0.5, BAR_WIDTH // 2), (0.994, BAR_WIDTH), (1.0, BAR_WIDTH)],
    ids=["none", "half", "nearly-all", "all"],
)
def test_format_row_bar_shows_the_confidence(confidence: float, num_blocks: int) -> None:
    row = format_row("Slow Rain", predicted(confidence))
    assert row == f"  {'Slow Rain':<18} {'joy':<10} {confidence:.2f}  {'█' * num_blocks}".rstrip()


def test_format_row_truncated_text_gets_a_note_beside_the_bar() -> None:
    row = format_row("Long Road Home", predicted(0.5, num_tokens=245, truncated=True))
    assert row.endswith("█" * 10 + " " * 10 + "  truncated: 245 tokens")
