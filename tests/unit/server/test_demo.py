"""The demo's songs, and the lines that it prints."""

import unicodedata

import pytest
from emotion_client import Prediction

from scripts.demo import BAR_WIDTH, LYRICS, format_row, read_songs


def predicted(confidence, *, num_tokens=9, truncated=False):
    return Prediction("joy", confidence, {"joy": confidence}, num_tokens, truncated, "0" * 64)


def is_latin(text):
    return all("LATIN" in unicodedata.name(char) for char in text if char.isalpha())


def test_lyrics_file_has_a_dozen_songs_whose_titles_fit_their_column():
    songs = read_songs(LYRICS)
    assert len(songs) == 12
    for title, lyrics in songs.items():
        assert title.strip() == title != ""
        assert len(title) <= 18
        assert lyrics.strip() != ""
        assert not title.startswith("#")
    assert [is_latin(lyrics) for lyrics in songs.values()].count(False) == 1


def test_read_songs_blocks_become_title_and_lyrics(tmp_path):
    path = tmp_path / "songs.txt"
    path.write_text("# A comment.\n\nOne\nla la\nlo lo\n\nДва\nля\n", encoding="utf-8")
    assert read_songs(path) == {"One": "la la\nlo lo", "Два": "ля"}


@pytest.mark.parametrize(
    ("confidence", "num_blocks"),
    [(0.0, 0), (0.5, BAR_WIDTH // 2), (0.994, BAR_WIDTH), (1.0, BAR_WIDTH)],
)
def test_format_row_bar_shows_the_confidence(confidence, num_blocks):
    row = format_row("Slow Rain", predicted(confidence))
    assert row == f"  {'Slow Rain':<18} {'joy':<10} {confidence:.2f}  {'█' * num_blocks}".rstrip()


def test_format_row_truncated_text_gets_a_note():
    row = format_row("Long Road Home", predicted(0.5, num_tokens=245, truncated=True))
    assert row.endswith("█" * 10 + " " * 10 + "  truncated: 245 tokens")
