"""Answers as programs read them: what becomes one JSON object a line. Pure."""

from __future__ import annotations

import json
from typing import Any

from emotion_client.command.texts import Text
from emotion_client.errors import EmotionError
from emotion_client.prediction import Prediction
from emotion_client.protocol import PROTOCOL, ServerInfo
from emotion_client.song import Part, SongPrediction


def encode(record: dict[str, Any]) -> str:
    """Returns a record as one line of JSON."""
    return json.dumps(record, ensure_ascii=False)


def build_answer(text: Text, prediction: Prediction, *, has_text: bool) -> dict[str, Any]:
    """Returns the record of a text; has_text: whether the text itself is in it."""
    content = {"text": text.content} if has_text else {}
    return {**_locate(text), **content, **_describe(prediction)}


def build_failure(text: Text, error: EmotionError) -> dict[str, Any]:
    """Returns the record of a text that has no answer."""
    return {**_locate(text), "error": type(error).__name__, "message": str(error)}


def build_song(song: SongPrediction) -> dict[str, Any]:
    """Returns the record of a song: no word of it but the names of its parts."""
    return {
        "label": song.label,
        "confidence": song.confidence,
        "scores": dict(song.scores),
        "num_tokens": song.num_tokens,
        "revision": song.revision,
        "parts": [_build_part(part) for part in song.parts],
    }


def build_info(info: ServerInfo, *, url: str) -> dict[str, Any]:
    """Returns the record of what a server says of itself."""
    return {
        "address": url,
        "labels": list(info.labels),
        "max_length": info.max_length,
        "problem_type": info.problem_type,
        "revision": info.revision,
        "protocol": PROTOCOL,
    }


def _locate(text: Text) -> dict[str, Any]:
    if text.file is None:
        return {"position": text.position}
    return {"position": text.position, "file": text.file, "line": text.line}


def _describe(prediction: Prediction) -> dict[str, Any]:
    return {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "scores": dict(prediction.scores),
        "num_tokens": prediction.num_tokens,
        "truncated": prediction.truncated,
        "revision": prediction.revision,
    }


def _build_part(part: Part) -> dict[str, Any]:
    answer = _describe(part.prediction)
    del answer["revision"], answer["truncated"]  # the song's own, and never
    return {
        "name": part.name,
        "repeats": part.repeats,
        "start": part.start,
        "end": part.end,
        **answer,
    }
