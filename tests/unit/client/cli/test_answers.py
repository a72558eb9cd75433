"""Answers as rows no wider than the screen, and as JSON objects."""

import json

import pytest
from emotion_client import Overloaded, ServerInfo
from emotion_client.cli.answers import (
    MAX_WORDS_CHARS,
    build_answer,
    build_failure,
    build_info,
    build_song,
    encode,
    format_answer,
    format_failure,
    format_info,
    format_song,
    measure_labels,
    name_parts,
    read_words,
)
from emotion_client.cli.texts import Text
from emotion_client.song import Part
from emotion_command.terminal import Screen, measure
from fake_client import LABELS, REVISION, predict
from fake_client import build_song as new_song

SCREEN = Screen(60, "#")
INFO = ServerInfo(LABELS, 128, "single_label_classification", REVISION, None)
ANSWER = {
    "label": "joy",
    "confidence": 0.75,
    "scores": {"joy": 0.75, "sadness": 0.25},
    "num_tokens": 8,
    "truncated": False,
    "revision": REVISION,
}


def row(prediction, *, words, screen=SCREEN):
    return format_answer(prediction, words=words, label_width=7, screen=screen)


def part(name=None, *, start=0, end=0):
    return Part(name, 1, start, end, predict())


def test_format_answer_is_label_confidence_bar_and_text():
    assert row(predict(0.75), words="la la") == "joy      0.75  ########    la la"
    assert row(predict(0.0), words="la la") == "sadness  1.00  ##########  la la"
    assert row(predict(0.5), words="") == "joy      0.50  #####"
    assert row(predict(), words="la\x1b[2J\nla").endswith(r"  la\x1b[2J\nla")


@pytest.mark.parametrize("width", [1, 26, 27, 28, 40])
def test_format_answer_cuts_the_text_at_the_screen(width):
    shown = row(predict(), words="la " * 50, screen=Screen(width, "#"))
    assert shown.startswith("joy      0.75  ########")
    assert measure(shown) <= max(width, 23)
    assert shown.endswith("…") == (width >= 28)


def test_format_answer_of_a_truncated_text_has_its_tokens():
    shown = row(predict(num_tokens=611), words="la " * 50)
    assert shown.endswith("…  truncated: 611 tokens")
    assert measure(shown) == SCREEN.width


def test_format_failure_fills_the_column_of_labels():
    assert format_failure("h:1: gone\x1b", label_width=7) == r"error    h:1: gone\x1b"


def test_measure_labels_is_the_widest_one():
    assert measure_labels(LABELS) == 7
    assert measure_labels(["joy"]) == len("error")
    assert measure_labels(["悲しみと愛"]) == 10


def test_format_song_aligns_parts_and_repeats():
    lyrics = "Rain\nagain\n\nSun"
    song = new_song(
        Part("Verse 1", 1, 0, 10, predict(0.25, num_tokens=4)),
        Part("Chorus", 12, 12, 15, predict(0.75, num_tokens=4)),
        Part(None, 1, 12, 15, predict(0.75, num_tokens=4)),
    )
    assert list(format_song(song, lyrics=lyrics, screen=SCREEN)) == [
        "joy  0.71  3 parts, 12 tokens",
        "",
        "Verse 1       sadness  0.75  ########    Rain / again",
        "Chorus   x12  joy      0.75  ########    Sun",
        "part 3        joy      0.75  ########    Sun",
    ]


def test_format_song_of_one_part_has_no_column_of_repeats():
    assert list(format_song(new_song(part(end=2)), lyrics="la", screen=SCREEN)) == [
        "joy  0.75  1 part, 8 tokens",
        "",
        "whole song  joy      0.75  ########    la",
    ]


def test_format_song_shortens_long_names():
    song = new_song(part("\x1b[31m" + "Chorus" * 9, end=2))
    *_, last = format_song(song, lyrics="la", screen=SCREEN)
    assert last.startswith(r"\x1b[31mChorusChoru…  joy")


def test_format_info_has_every_fact():
    assert list(format_info(INFO, url="h:1")) == [
        "address       h:1",
        "labels        joy, sadness",
        "max_length    128 tokens",
        "problem_type  single_label_classification",
        f"revision      {REVISION}",
        "protocol      1",
    ]


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        pytest.param([part()], ["whole song"], id="one"),
        pytest.param([part("Verse")], ["Verse"], id="one-with-name"),
        pytest.param([part("Verse"), part(), part("A")], ["Verse", "part 2", "A"], id="several"),
    ],
)
def test_name_parts_numbers_parts_without_a_name(parts, names):
    assert name_parts(parts) == names


def test_read_words_is_one_line():
    lyrics = "[Verse]\n  Rain  again,\r\n\n\tand rain\nSun"
    assert read_words(part(start=8, end=35), lyrics=lyrics) == "Rain again, / and rain"


def test_read_words_of_a_long_part_is_its_beginning():
    lyrics = "la " * MAX_WORDS_CHARS
    assert len(read_words(part(end=len(lyrics)), lyrics=lyrics)) <= MAX_WORDS_CHARS


@pytest.mark.parametrize(
    ("text", "has_text", "place"),
    [
        pytest.param(Text(3, "la"), False, {"position": 3}, id="argument"),
        pytest.param(Text(3, "la"), True, {"position": 3, "text": "la"}, id="with-text"),
        pytest.param(
            Text(3, "la", "a.txt", 2), False, {"position": 3, "file": "a.txt", "line": 2}, id="line"
        ),
    ],
)
def test_build_answer_has_the_place_and_the_text_only_if_wanted(text, has_text, place):
    assert build_answer(text, predict(), has_text=has_text) == {**place, **ANSWER}


def test_build_failure_has_class_and_message():
    assert build_failure(Text(3, "la", "-", 4), Overloaded("h:1: full")) == {
        "position": 3,
        "file": "-",
        "line": 4,
        "error": "Overloaded",
        "message": "h:1: full",
    }


def test_build_song_has_all_parts_and_no_words():
    verse = Part("Verse", 1, 8, 20, predict(0.25, num_tokens=6))
    record = build_song(new_song(verse, Part(None, 2, 22, 30, predict())))
    assert list(record) == ["label", "confidence", "scores", "num_tokens", "revision", "parts"]
    assert (record["label"], record["num_tokens"], record["revision"]) == ("joy", 14, REVISION)
    first, second = record["parts"]
    assert first == {
        "name": "Verse",
        "repeats": 1,
        "start": 8,
        "end": 20,
        "label": "sadness",
        "confidence": 0.75,
        "scores": {"joy": 0.25, "sadness": 0.75},
        "num_tokens": 6,
    }
    assert (second["name"], second["repeats"]) == (None, 2)


def test_build_info_has_every_fact():
    assert build_info(INFO, url="h:1") == {
        "address": "h:1",
        "labels": ["joy", "sadness"],
        "max_length": 128,
        "problem_type": "single_label_classification",
        "revision": REVISION,
        "protocol": 1,
    }


def test_encode_is_one_line_in_any_script():
    line = encode({"text": "Ніч\n\x1b\u2028"})
    assert "Ніч" in line
    assert "\n" not in line
    assert json.loads(line) == {"text": "Ніч\n\x1b\u2028"}
