"""Windows of long texts."""

import pytest
from emotion_training.training.windows import split_windows


def split(text, *, words):
    """Splits a text into windows of at most so many words."""
    return split_windows(text, measure=lambda part: len(part.split()), max_length=words)


@pytest.mark.parametrize(
    ("text", "words", "windows"),
    [
        pytest.param("a b\nc\n\nd", 4, ["a b\nc\n\nd"], id="fits"),
        pytest.param("a b\nc\n\nd e\n\nf", 3, ["a b\nc", "d e\n\nf"], id="between-stanzas"),
        pytest.param("a b\nc d\ne", 4, ["a b\nc d", "e"], id="between-lines"),
        pytest.param("a b c d e", 2, ["a b", "c d", "e"], id="between-words"),
        pytest.param("a\n\nb c\nd e\n\nf", 3, ["a", "b c", "d e\n\nf"], id="a-long-stanza"),
        pytest.param("a\n\n\n\nb", 1, ["a", "b"], id="empty-parts"),
    ],
)
def test_split_windows_cuts_at_the_best_place(text, words, windows):
    assert split(text, words=words) == windows


def test_split_windows_word_that_is_too_long_stays_whole():
    windows = split_windows("ab abcdef c", measure=len, max_length=3)
    assert windows == ["ab", "abcdef", "c"]


def test_split_windows_song_keeps_every_word_in_order():
    song = "\n\n".join("\n".join(f"w{s}{i}{j}" * 2 for j in range(7)) for s in "ab" for i in "cd")
    windows = split(song, words=5)
    assert " ".join(windows).split() == song.split()
    assert all(1 <= len(window.split()) <= 5 for window in windows)
