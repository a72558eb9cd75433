"""The commands `info` and `ready`: what a server serves, and whether it answers."""

from __future__ import annotations

import argparse

from emotion_command.output import put_result
from emotion_command.signals import Interruption

from emotion_client.cli.answers import build_info, encode, format_info
from emotion_client.cli.options import open_client
from emotion_client.client import PROBE_TEXT

REASON_TIMEOUT_S = 1.0


def show_info(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Prints what a server serves; returns the exit code.

    Raises:
        EmotionError: the server does not answer.
    """
    with open_client(args) as client:
        info = client.connect()
    if args.json:
        put_result(encode(build_info(info, url=client.url)))
    else:
        for line in format_info(info, url=client.url):
            put_result(line)
    return 0


def check_ready(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Sends one real request; returns the exit code.

    Raises:
        EmotionError: the server does not answer. Finding the reason takes another second at most.
    """
    with open_client(args) as client:
        is_ready = client.is_ready()
    if not is_ready:
        with open_client(args, timeout_s=min(REASON_TIMEOUT_S, args.timeout)) as client:
            client.predict(PROBE_TEXT)
    put_result(f"{client.url} answers")
    return 0
