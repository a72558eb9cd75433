"""Lyrics and lines of known lengths, the lines of a file, and what counts their tokens."""

import json
import random
from dataclasses import replace

import pytest
from emotion_client import EmotionClient
from emotion_loadtest import texts
from emotion_loadtest.texts import (
    LINES,
    LYRIC_STATISTICS,
    LYRICS,
    NUM_LYRICS,
    SEPARATOR,
    LengthStatistics,
    Mix,
    TextError,
    build_mix,
    check_lyrics,
    count_with,
    make_lines,
    make_lyrics,
    make_texts,
    measure_lengths,
    read_lines,
)
from emotion_training.data import DataError

NUM_SPECIAL_TOKENS = 2


def count(texts):
    return [NUM_SPECIAL_TOKENS + len(text.split()) for text in texts]


def count_separators_too(texts):
    return [
        num_tokens + text.count(SEPARATOR)
        for num_tokens, text in zip(count(texts), texts, strict=True)
    ]


def build_verses():
    """Stanzas of 4 to 60 words, in lines of 1 to 12."""
    words = iter(range(1_000_000))
    verses = []
    for i in range(200):
        lines = [1 + (i + j) % 12 for j in range(4 + i % 5)]
        verses.append("\n".join(" ".join(f"w{next(words)}" for _ in range(n)) for n in lines))
    return verses


VERSES = build_verses()


@pytest.fixture
def info(start_server):
    with EmotionClient(start_server().url) as client:
        return client.connect()


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        pytest.param(b"one\n\n  \t\ntwo\n\n", ["one", "two"], id="blank-lines"),
        pytest.param("  ça va \n歌".encode(), ["  ça va ", "歌"], id="spaces-kept"),
    ],
)
def test_read_lines_each_is_a_text(content, lines, tmp_path):
    file = tmp_path / "songs.txt"
    file.write_bytes(content)
    assert read_lines(file) == lines


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", " has no text; write one a line"),
        (b"\n \n\t\r\n", " has no text; write one a line"),
        (b"good\nb\xe4d\n", ": line 2: byte 0xe4 at offset 1 of the line is not UTF-8"),
        (None, ": Is a directory; name a file with one text a line"),
    ],
)
def test_read_lines_without_texts_says_why(content, problem, tmp_path):
    file = tmp_path / "songs.txt"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(TextError) as caught:
        read_lines(file)
    assert str(caught.value) == f"{file}{problem}"


def test_make_texts_have_the_lengths_of_lyrics(info):
    made = make_texts(info, seed=1)
    assert len(made) == NUM_LYRICS
    check_lyrics(measure_lengths(count_with(info.tokenizer)(made), limit=128))
    assert make_texts(replace(info, max_length=512), seed=1) == made != make_texts(info, seed=2)


def test_make_texts_without_verses_is_an_error(info, monkeypatch, tmp_path):
    monkeypatch.setattr(texts, "DATA", tmp_path)
    with pytest.raises(DataError, match=r"verses\.jsonl"):
        make_texts(info, seed=1)


def test_make_texts_checks_lengths_only_for_the_limit_they_are_known_for(
    info, monkeypatch, tmp_path
):
    verse = tmp_path / "verses.jsonl"
    verse.write_text(json.dumps({"text": " ".join(["la"] * 60), "label": "joy"}), encoding="utf-8")
    monkeypatch.setattr(texts, "DATA", tmp_path)
    with pytest.raises(TextError, match="with this server's tokenizer"):
        make_texts(info, seed=1)
    assert len(make_texts(replace(info, max_length=512), seed=1)) == NUM_LYRICS


@pytest.mark.parametrize("tokens", [count, count_separators_too])
def test_make_lyrics_every_group_has_the_lengths_of_lyrics(tokens):
    groups = make_lyrics(VERSES, sizes=[100, 300], count=tokens, rng=random.Random(1))
    assert list(map(len, groups)) == [100, 300]
    for group in groups:
        check_lyrics(measure_lengths(tokens(group), limit=128))


def test_make_lyrics_are_joined_from_whole_stanzas_and_lines():
    (made,) = make_lyrics(VERSES, sizes=[100], count=count, rng=random.Random(1))
    pieces = {*VERSES, *(line for verse in VERSES for line in verse.splitlines())}
    assert {piece for text in made for piece in text.split(SEPARATOR)} <= pieces


def test_make_lines_are_those_of_8_to_20_tokens_repeated_where_they_are_too_few():
    own = [" ".join(["la"] * n) for n in range(1, 40)]
    lines = make_lines(["\n\n".join(own)], num_lines=27, count=count, rng=random.Random(1))
    assert sorted(count(lines[:13])) == list(range(8, 21))
    assert set(lines) <= set(own)
    assert lines == [*lines[:13], *lines[:13], lines[0]]


def test_make_lines_without_one_that_fits_is_an_error():
    with pytest.raises(TextError, match="no line of the texts has 8 to 20 tokens"):
        make_lines(["la la"], num_lines=3, count=count, rng=random.Random(1))


def test_count_has_special_tokens_and_no_limit(info):
    assert count_with(info.tokenizer)(["", "la la", "la " * 300]) == [2, 4, 302]


def test_measure_lengths_counts_after_truncation():
    assert measure_lengths([10, 20, 30, 200, 300], limit=128) == LengthStatistics(
        p10=14, p50=30, p90=128, mean=pytest.approx(63.2), share_at_limit=0.4
    )


def test_check_lyrics_allows_the_tolerance_and_names_the_figure_beyond_it():
    check_lyrics(replace(LYRIC_STATISTICS, p50=101))
    check_lyrics(replace(LYRIC_STATISTICS, p50=107))
    for p50 in (100, 108):
        with pytest.raises(TextError, match=f"p50 {p50} with this .*; expected 104, 3 more or l"):
            check_lyrics(replace(LYRIC_STATISTICS, p50=p50))


def test_build_mix_counts_all_rounds_together():
    mix = build_mix(LINES, [["a b", "c"], ["d"]], count=count)
    assert (mix.num_texts, mix.lengths.mean) == (3, pytest.approx(10 / 3))
    with pytest.raises(TextError):
        build_mix(LYRICS, [["a b", "c"], ["d"]], count=count)


@pytest.mark.parametrize(
    ("rounds", "described"), [([["la"], ["lo"]], "2 in 2 rounds"), ([["la"]], "1 in 1 round")]
)
def test_mix_describe_has_number_and_lengths(rounds, described):
    mix = Mix("lyrics", rounds, LengthStatistics(38, 104, 128, 92.04, 0.45))
    assert mix.describe() == (
        f"lyrics: {described}; tokens p10 38, p50 104, p90 128, mean 92.0, 45% reach 128"
    )
