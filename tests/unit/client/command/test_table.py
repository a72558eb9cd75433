"""Rows for people: aligned, and no wider than the screen."""

from __future__ import annotations

import pytest
from emotion_client import Prediction, ServerInfo
from emotion_client.command.display import measure
from emotion_client.command.screen import Screen
from emotion_client.command.table import (
    format_answer,
    format_failure,
    format_info,
    format_song,
    measure_labels,
)
from emotion_client.song import Part
from fake_client import LABELS, REVISION, build_song, predict

SCREEN = Screen(60, "#")


def row(prediction: Prediction, *, words: str, screen: Screen = SCREEN) -> str:
    return format_answer(prediction, words=words, label_width=7, screen=screen)


def test_format_answer_is_label_confidence_bar_and_text() -> None:
    assert row(predict(0.75), words="la la") == "joy      0.75  ########    la la"
    assert row(predict(0.0), words="la la") == "sadness  1.00  ##########  la la"


@pytest.mark.parametrize("width", [1, 26, 27, 40])
def test_format_answer_cuts_the_text_at_the_screen(width: int) -> None:
    shown = row(predict(), words="la " * 50, screen=Screen(width, "#"))
    assert shown.startswith("joy      0.75  ########")
    assert measure(shown) <= max(width, 23)
    assert shown.endswith("…") == (width >= 28)


def test_format_answer_shows_control_characters() -> None:
    assert row(predict(), words="la\x1b[2J\nla").endswith(r"  la\x1b[2J\nla")


def test_format_answer_says_how_long_a_truncated_text_is() -> None:
    shown = row(predict(num_tokens=611), words="la " * 50)
    assert shown.endswith("…  truncated: 611 tokens")
    assert measure(shown) == SCREEN.width


def test_format_answer_empty_text_has_no_blanks_behind_it() -> None:
    assert row(predict(0.5), words="") == "joy      0.50  #####"


def test_format_failure_stands_in_the_column_of_labels() -> None:
    assert format_failure("h:1: gone\x1b", label_width=7) == r"error    h:1: gone\x1b"


def test_measure_labels_is_the_widest_one() -> None:
    assert measure_labels(LABELS) == 7
    assert measure_labels(["joy"]) == len("error")
    assert measure_labels(["悲しみと愛"]) == 10


def test_format_song_aligns_parts_and_repeats() -> None:
    lyrics = "Rain\nagain\n\nSun"
    song = build_song(
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


def test_format_song_of_one_part_has_no_column_of_repeats() -> None:
    song = build_song(Part(None, 1, 0, 2, predict()))
    assert list(format_song(song, lyrics="la", screen=SCREEN)) == [
        "joy  0.75  1 part, 8 tokens",
        "",
        "whole song  joy      0.75  ########    la",
    ]


def test_format_song_long_names_are_cut() -> None:
    song = build_song(Part("\x1b[31m" + "Chorus" * 9, 1, 0, 2, predict()))
    *_, last = format_song(song, lyrics="la", screen=SCREEN)
    assert last.startswith(r"\x1b[31mChorusChoru…  joy")


def test_format_info_shows_everything() -> None:
    info = ServerInfo(LABELS, 128, "single_label_classification", REVISION, None)  # type: ignore[arg-type]
    assert list(format_info(info, url="h:1")) == [
        "address       h:1",
        "labels        joy, sadness",
        "max_length    128 tokens",
        "problem_type  single_label_classification",
        f"revision      {REVISION}",
        "protocol      1",
    ]
