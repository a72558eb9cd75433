"""Texts of known lengths."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from text_mix import (
    LINES,
    LYRIC_STATISTICS,
    LYRICS,
    SEPARATOR,
    LengthStatistics,
    Mix,
    MixError,
    build_mix,
    check_lyrics,
    make_lines,
    make_lyrics,
    measure_lengths,
)

NUM_SPECIAL_TOKENS = 2


def count(texts: Sequence[str]) -> list[int]:
    return [NUM_SPECIAL_TOKENS + len(text.split()) for text in texts]


def count_separators_too(texts: Sequence[str]) -> list[int]:
    return [
        num_tokens + text.count(SEPARATOR)
        for num_tokens, text in zip(count(texts), texts, strict=True)
    ]


def build_verses() -> list[str]:
    """Stanzas of 4 to 60 words, in lines of 1 to 12."""
    words = iter(range(1_000_000))
    verses = []
    for i in range(200):
        lines = [1 + (i + j) % 12 for j in range(4 + i % 5)]
        verses.append("\n".join(" ".join(f"w{next(words)}" for _ in range(n)) for n in lines))
    return verses


VERSES = build_verses()


def test_make_lines_lines_of_8_to_20_tokens_stand_in_the_texts() -> None:
    texts = [" ".join(["la"] * n) for n in range(1, 40)]
    lines = make_lines(texts, num_lines=13, count=count, rng=random.Random(1))
    assert sorted(count(lines)) == list(range(8, 21))
    assert set(lines) <= set(texts)


def test_make_lines_too_few_are_repeated() -> None:
    lines = make_lines(
        ["a b c d e f g\n\nto short"], num_lines=3, count=count, rng=random.Random(1)
    )
    assert lines == ["a b c d e f g"] * 3


def test_make_lines_none_that_fits_is_an_error() -> None:
    with pytest.raises(MixError, match="no line of the texts has 8 to 20 tokens"):
        make_lines(["la la"], num_lines=3, count=count, rng=random.Random(1))


@pytest.mark.parametrize("tokens", [count, count_separators_too])
def test_make_lyrics_every_group_has_the_lengths_of_lyrics(tokens: object) -> None:
    assert callable(tokens)
    groups = make_lyrics(VERSES, sizes=[100, 300], count=tokens, rng=random.Random(1))
    assert list(map(len, groups)) == [100, 300]
    for group in groups:
        check_lyrics(measure_lengths(tokens(group), limit=128))


def test_make_lyrics_are_joined_of_whole_stanzas_and_lines() -> None:
    (texts,) = make_lyrics(VERSES, sizes=[100], count=count, rng=random.Random(1))
    pieces = {*VERSES, *(line for verse in VERSES for line in verse.splitlines())}
    assert {piece for text in texts for piece in text.split(SEPARATOR)} <= pieces


def test_make_lyrics_same_seed_makes_the_same_texts() -> None:
    first, second, other = (
        make_lyrics(VERSES, sizes=[50], count=count, rng=random.Random(seed)) for seed in (1, 1, 2)
    )
    assert first == second != other


def test_measure_lengths_counts_after_truncation() -> None:
    assert measure_lengths([10, 20, 30, 200, 300], limit=128) == LengthStatistics(
        p10=14, p50=30, p90=128, mean=pytest.approx(63.2), share_at_limit=0.4
    )


def test_check_lyrics_other_lengths_name_the_figure() -> None:
    with pytest.raises(MixError, match="p50 90 with this server's tokenizer; it must be 104, 3"):
        check_lyrics(replace(LYRIC_STATISTICS, p50=90))


def test_build_mix_counts_all_rounds_together() -> None:
    mix = build_mix(LINES, [["a b", "c"], ["d"]], count=count)
    assert (mix.num_texts, mix.lengths.mean) == (3, pytest.approx(10 / 3))


def test_build_mix_lyrics_that_are_none_are_refused() -> None:
    with pytest.raises(MixError):
        build_mix(LYRICS, [["a b", "c"], ["d"]], count=count)


def test_mix_describe_has_number_and_lengths() -> None:
    mix = Mix("lyrics", [["la"], ["lo"]], LengthStatistics(38, 104, 128, 92.04, 0.45))
    assert mix.describe() == (
        "lyrics: 2 in 2 rounds; tokens p10 38, p50 104, p90 128, mean 92.0, 45% reach 128"
    )
