"""What parts are called, and how they begin."""

from __future__ import annotations

import pytest
from emotion_client.command.parts import MAX_CHARS, name_parts, read_words
from emotion_client.song import Part
from fake_client import predict


def part(name: str | None = None, *, start: int = 0, end: int = 0) -> Part:
    return Part(name, 1, start, end, predict())


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ([part()], ["whole song"]),
        ([part("Verse")], ["Verse"]),
        ([part("Verse"), part(), part("Verse")], ["Verse", "part 2", "Verse"]),
    ],
    ids=["one", "one-with-name", "several"],
)
def test_name_parts_numbers_what_has_no_name(parts: list[Part], names: list[str]) -> None:
    assert name_parts(parts) == names


def test_read_words_is_one_line() -> None:
    lyrics = "[Verse]\n  Rain  again,\r\n\n\tand rain\nSun"
    assert read_words(part(start=8, end=35), lyrics=lyrics) == "Rain again, / and rain"


def test_read_words_of_a_long_part_is_its_beginning() -> None:
    lyrics = "la " * MAX_CHARS
    assert len(read_words(part(end=len(lyrics)), lyrics=lyrics)) <= MAX_CHARS
