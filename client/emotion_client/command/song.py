"""The command `song`: the emotion of a whole song and its parts, as a table or a picture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from emotion_client.command.arc import build_arc
from emotion_client.command.connection import open_client
from emotion_client.command.errors import Refusal
from emotion_client.command.interruption import Interruption
from emotion_client.command.output import complain, put
from emotion_client.command.picture import draw_arc
from emotion_client.command.record import build_song, encode
from emotion_client.command.screen import find_screen, is_terminal
from emotion_client.command.table import format_song
from emotion_client.command.texts import STDIN, name_file, read_whole
from emotion_client.song import SongPrediction

SUFFIX = ".png"


def show_song(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Prints the emotion of a song, and draws it where that is wanted; returns the exit code.

    Raises:
        EmotionError: the service does not answer.
        OSError: the song cannot be read, or the picture cannot be written.
        Refusal: the song has no words, or the picture cannot be made.
    """
    if args.plot is not None:
        check_plot(args.plot)
    if args.file == STDIN and is_terminal(sys.stdin):
        complain("type the song; Ctrl-D ends")
    lyrics = read_whole(args.file)
    if not lyrics.strip():
        raise Refusal(f"{name_file(args.file)}: has no words")
    with open_client(args) as client:
        problem_type = client.connect().problem_type
        song = client.predict_song(lyrics, by=args.by)
    try:
        if args.plot is not None:
            picture = draw_arc(build_arc(song, problem_type=problem_type))
            interruption.check()
            interruption.ignore()  # writing takes a moment and is not to be cut in two
            args.plot.write_bytes(picture)
    finally:  # a full disk takes nothing from what was answered
        for line in _format(song, lyrics=lyrics, is_json=args.json):
            put(line)
    if args.plot is not None:
        complain(f"wrote {name_file(str(args.plot))}")
    return 0


def check_plot(path: Path) -> None:
    """Refuses a picture that could not be made or written, before any call.

    Raises:
        Refusal: it is no PNG, its place cannot be written, or matplotlib is missing.
    """
    name = name_file(str(path))
    if path.suffix.lower() != SUFFIX:
        raise Refusal(f"--plot {name}: the picture is a PNG; its name must end with {SUFFIX}")
    if path.is_dir():
        raise Refusal(f"--plot {name}: is a folder; name a file")
    folder = path.parent
    if not folder.is_dir():
        raise Refusal(f"--plot {name}: {name_file(str(folder))} is no folder; make it first")
    place = path if path.exists() else folder
    if not os.access(place, os.W_OK):
        raise Refusal(f"--plot {name}: {name_file(str(place))} cannot be written")
    try:
        import matplotlib.figure  # noqa: F401 - missing it is to be missed now
    except ModuleNotFoundError as error:
        missing = (error.name or "matplotlib").partition(".")[0]
        raise Refusal(
            f"song: {missing} is missing; run: pip install 'lyric-emotion[cli]'"
        ) from None


def _format(song: SongPrediction, *, lyrics: str, is_json: bool) -> Iterable[str]:
    if is_json:
        return [encode(build_song(song))]
    return format_song(song, lyrics=lyrics, screen=find_screen())
