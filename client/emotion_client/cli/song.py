"""The command `song`: the emotion of a song and its parts, as a table or as a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from emotion_command.errors import Refusal
from emotion_command.output import put_result
from emotion_command.signals import Interruption
from emotion_command.terminal import find_screen, is_terminal, reveal

from emotion_client.cli.answers import build_song, encode, format_song
from emotion_client.cli.options import COMMAND, open_client
from emotion_client.cli.plot import build_arc, draw_arc
from emotion_client.cli.texts import STDIN, name_file, read_whole
from emotion_client.song import SongPrediction


def show_song(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Prints the emotion of a song, and draws it if `--plot` is given; returns the exit code.

    Raises:
        EmotionError: the service does not answer.
        ModuleNotFoundError: the picture needs matplotlib.
        OSError: the song cannot be read, or the picture cannot be written.
        Refusal: the song has no words.
    """
    if args.plot is not None:
        import matplotlib.figure  # noqa: F401 - if it is missing, fail before the call
    if args.file == STDIN and is_terminal(sys.stdin):
        COMMAND.complain("type the song; Ctrl-D ends")
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
            interruption.ignore()  # writing is short, and must not leave half a file
            args.plot.write_bytes(picture)
    finally:  # print the answer even if the disk is full
        for line in _format(song, lyrics=lyrics, is_json=args.json):
            put_result(line)
    if args.plot is not None:
        COMMAND.complain(f"wrote {reveal(str(args.plot))}")
    return 0


def _format(song: SongPrediction, *, lyrics: str, is_json: bool) -> Iterable[str]:
    if is_json:
        return [encode(build_song(song))]
    return format_song(song, lyrics=lyrics, screen=find_screen())
