"""The commands `info` and `ready`: what a server says of itself, and whether it answers."""

from __future__ import annotations

import argparse

from emotion_client.client import PROBE_TEXT
from emotion_client.command.connection import open_client
from emotion_client.command.interruption import Interruption
from emotion_client.command.output import put
from emotion_client.command.record import build_info, encode
from emotion_client.command.table import format_info

REASON_TIMEOUT_S = 1.0


def show_info(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Prints what the server says of itself; returns the exit code.

    Raises:
        EmotionError: it does not answer.
    """
    with open_client(args) as client:
        info = client.connect()
    if args.json:
        put(encode(build_info(info, url=client.url)))
    else:
        for line in format_info(info, url=client.url):
            put(line)
    return 0


def check_ready(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Asks once for a real answer; returns the exit code.

    Raises:
        EmotionError: there is none; it says why, which takes another second at most.
    """
    with open_client(args) as client:
        is_ready = client.is_ready()
    if not is_ready:
        with open_client(args, timeout_s=min(REASON_TIMEOUT_S, args.timeout)) as client:
            client.predict(PROBE_TEXT)
    put(f"{client.url} answers")
    return 0
