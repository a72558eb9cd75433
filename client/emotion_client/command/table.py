"""Answers as people read them: a line each, in columns. Pure; `record` is for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from emotion_client.command.display import draw_bar, measure, pad, reveal, shorten
from emotion_client.command.parts import name_parts, read_words
from emotion_client.command.screen import Screen
from emotion_client.prediction import Prediction
from emotion_client.protocol import PROTOCOL, ServerInfo
from emotion_client.song import SongPrediction

BAR_WIDTH = 10
MAX_NAME_WIDTH = 20
GAP = "  "
FAILED = "error"


def format_answer(
    prediction: Prediction, *, words: str, label_width: int, screen: Screen, head: str = ""
) -> str:
    """Returns label, confidence, a bar and the beginning of the text.

    Args:
        prediction: of the text.
        words: the text, or as much of it as a screen can show.
        label_width: columns, as `measure_labels` counts them.
        screen: where the row is shown.
        head: what stands before all these.
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
    """Yields the song's own row, an empty one, and one for each part."""
    label_width = measure_labels(song.scores)
    label, confidence = song
    num_parts = f"{len(song.parts)} part{'s' if len(song.parts) > 1 else ''}"
    yield f"{reveal(label)}{GAP}{confidence:.2f}{GAP}{num_parts}, {song.num_tokens} tokens"
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
    """Yields what a server says of itself."""
    yield f"address       {url}"
    yield f"labels        {', '.join(map(reveal, info.labels))}"
    yield f"max_length    {info.max_length} tokens"
    yield f"problem_type  {reveal(info.problem_type)}"
    yield f"revision      {reveal(info.revision)}"
    yield f"protocol      {PROTOCOL}"


def measure_labels(labels: Iterable[str]) -> int:
    """Returns the columns of the widest label, or of what stands in its place."""
    return max(map(measure, [FAILED, *map(reveal, labels)]))
