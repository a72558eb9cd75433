"""Records for programs: what is in them, and what is not."""

from __future__ import annotations

import json

from emotion_client import Overloaded, ServerInfo
from emotion_client.command.record import (
    build_answer,
    build_failure,
    build_info,
    build_song,
    encode,
)
from emotion_client.command.texts import Text
from emotion_client.song import Part
from fake_client import LABELS, REVISION, predict
from fake_client import build_song as new_song

ANSWER = {
    "label": "joy",
    "confidence": 0.75,
    "scores": {"joy": 0.75, "sadness": 0.25},
    "num_tokens": 8,
    "truncated": False,
    "revision": REVISION,
}


def test_build_answer_has_no_text_unless_it_is_wanted() -> None:
    text = Text(3, "la la")
    assert build_answer(text, predict(), has_text=False) == {"position": 3, **ANSWER}
    assert build_answer(text, predict(), has_text=True) == {
        "position": 3,
        "text": "la la",
        **ANSWER,
    }


def test_build_answer_of_a_line_has_its_place() -> None:
    record = build_answer(Text(3, "la", "verses.txt", 2), predict(), has_text=False)
    assert record == {"position": 3, "file": "verses.txt", "line": 2, **ANSWER}


def test_build_failure_has_class_and_message() -> None:
    assert build_failure(Text(3, "la", "-", 4), Overloaded("h:1: full")) == {
        "position": 3,
        "file": "-",
        "line": 4,
        "error": "Overloaded",
        "message": "h:1: full",
    }


def test_build_song_has_all_parts_and_no_words() -> None:
    record = build_song(
        new_song(
            Part("Verse", 1, 8, 20, predict(0.25, num_tokens=6)), Part(None, 2, 22, 30, predict())
        )
    )
    assert list(record) == ["label", "confidence", "scores", "num_tokens", "revision", "parts"]
    assert (record["label"], record["num_tokens"], record["revision"]) == ("joy", 14, REVISION)
    verse, rest = record["parts"]
    assert verse == {
        "name": "Verse",
        "repeats": 1,
        "start": 8,
        "end": 20,
        "label": "sadness",
        "confidence": 0.75,
        "scores": {"joy": 0.25, "sadness": 0.75},
        "num_tokens": 6,
    }
    assert (rest["name"], rest["repeats"]) == (None, 2)


def test_build_info_is_what_the_server_says() -> None:
    info = ServerInfo(LABELS, 128, "single_label_classification", REVISION, None)  # type: ignore[arg-type]
    assert build_info(info, url="h:1") == {
        "address": "h:1",
        "labels": ["joy", "sadness"],
        "max_length": 128,
        "problem_type": "single_label_classification",
        "revision": REVISION,
        "protocol": 1,
    }


def test_encode_is_one_line_of_any_script() -> None:
    line = encode({"text": "Ніч\n\x1b\u2028"})
    assert "Ніч" in line
    assert "\n" not in line
    assert json.loads(line) == {"text": "Ніч\n\x1b\u2028"}
