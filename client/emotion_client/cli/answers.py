"""Answers as rows for people, and as JSON objects for programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from emotion_command.terminal import Screen, draw_bar, measure, pad, reveal, shorten

from emotion_client.cli.texts import Text
from emotion_client.errors import EmotionError
from emotion_client.prediction import Prediction
from emotion_client.protocol import PROTOCOL, ServerInfo
from emotion_client.song import Part, SongPrediction

BAR_WIDTH = 10
MAX_NAME_WIDTH = 20
GAP = "  "
FAILED = "error"
# More characters of a part than any terminal shows in a row.
MAX_WORDS_CHARS = 2000


def format_answer(
    prediction: Prediction, *, words: str, label_width: int, screen: Screen, head: str = ""
) -> str:
    """Returns label, confidence, a bar and the beginning of the text.

    Args:
        prediction: of the text.
        words: the text, or as much of it as a screen can show.
        label_width: columns, from `measure_labels`.
        screen: where the row is shown.
        head: put before the label.
    """
    label, confidence = prediction
    bar = draw_bar(confidence, width=BAR_WIDTH, block=screen.block)
    head += GAP.join([pad(reveal(label), width=label_width), f"{confidence:.2f}", bar, ""])
    note = f"{GAP}truncated: {prediction.num_tokens} tokens" if prediction.truncated else ""
    room = screen.width - measure(head) - measure(note)
    return f"{head}{shorten(words, width=room)}{note}".rstrip()


def format_failure(message: str, *, label_width: int) -> str:
    """Returns the row of a text that has no answer."""
    return f"{pad(FAILED, width=label_width)}{GAP}{reveal(message)}"


def format_song(song: SongPrediction, *, lyrics: str, screen: Screen) -> Iterator[str]:
    """Yields the row of the song, an empty one, and one for each part."""
    label_width = measure_labels(song.scores)
    label, confidence = song
    yield f"{reveal(label)}{GAP}{confidence:.2f}{GAP}{count_parts(song)}, {song.num_tokens} tokens"
    yield ""
    names = [shorten(name, width=MAX_NAME_WIDTH) for name in name_parts(song.parts)]
    repeats = [f"x{part.repeats}" if part.repeats > 1 else "" for part in song.parts]
    name_width, repeats_width = max(map(measure, names)), max(map(measure, repeats))
    for part, name, repeated in zip(song.parts, names, repeats, strict=True):
        head = pad(name, width=name_width) + GAP
        if repeats_width:
            head += pad(repeated, width=repeats_width) + GAP
        yield format_answer(
            part.prediction,
            words=read_words(part, lyrics=lyrics),
            label_width=label_width,
            screen=screen,
            head=head,
        )


def format_info(info: ServerInfo, *, url: str) -> Iterator[str]:
    """Yields a row for each fact about a server."""
    yield f"address       {url}"
    yield f"labels        {', '.join(map(reveal, info.labels))}"
    yield f"max_length    {info.max_length} tokens"
    yield f"problem_type  {reveal(info.problem_type)}"
    yield f"revision      {reveal(info.revision)}"
    yield f"protocol      {PROTOCOL}"


def measure_labels(labels: Iterable[str]) -> int:
    """Returns the columns of the widest label, or of `FAILED` in its place."""
    return max(map(measure, [FAILED, *map(reveal, labels)]))


def count_parts(song: SongPrediction) -> str:
    """Returns the number of parts in words."""
    return f"{len(song.parts)} part{'s' if len(song.parts) > 1 else ''}"


def name_parts(parts: Sequence[Part]) -> list[str]:
    """Returns a name for each part; a part without one gets its number."""
    if len(parts) == 1 and not parts[0].name:
        return ["whole song"]
    return [part.name or f"part {number}" for number, part in enumerate(parts, start=1)]


def read_words(part: Part, *, lyrics: str) -> str:
    """Returns the beginning of a part on one line, with a slash for each line break.

    If a part is a mark that repeats an earlier part, this is the mark.
    """
    beginning = lyrics[part.start : min(part.end, part.start + MAX_WORDS_CHARS)]
    lines = [" ".join(line.split()) for line in beginning.splitlines()]
    return " / ".join(filter(None, lines))


def encode(record: dict[str, Any]) -> str:
    """Returns a record as one line of JSON."""
    return json.dumps(record, ensure_ascii=False)


def build_answer(text: Text, prediction: Prediction, *, has_text: bool) -> dict[str, Any]:
    """Returns the record of a text; it includes the text itself if `has_text`."""
    content = {"text": text.content} if has_text else {}
    return {**_locate(text), **content, **asdict(prediction)}


def build_failure(text: Text, error: EmotionError) -> dict[str, Any]:
    """Returns the record of a text that has no answer."""
    return {**_locate(text), "error": type(error).__name__, "message": str(error)}


def build_song(song: SongPrediction) -> dict[str, Any]:
    """Returns the record of a song. Of its words, it includes only the names of the parts."""
    return {
        "label": song.label,
        "confidence": song.confidence,
        "scores": dict(song.scores),
        "num_tokens": song.num_tokens,
        "revision": song.revision,
        "parts": [_build_part(part) for part in song.parts],
    }


def build_info(info: ServerInfo, *, url: str) -> dict[str, Any]:
    """Returns the record of a server."""
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


def _build_part(part: Part) -> dict[str, Any]:
    answer = asdict(part.prediction)
    del answer["revision"], answer["truncated"]  # the first is the song's, the second always false
    place = {"name": part.name, "repeats": part.repeats, "start": part.start, "end": part.end}
    return {**place, **answer}
