#!/usr/bin/env python3
"""Starts Triton on free ports, asks it the emotion of a dozen lyrics over gRPC, and stops it."""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emotion_client import EmotionClient, EmotionError, Prediction
from emotion_client.channel import open_triton
from emotion_command.checkout import REPOSITORY
from emotion_command.output import put_result
from emotion_command.runner import Command
from emotion_command.terminal import BLOCK, draw_bar
from emotion_server.address import FREE_PORTS
from emotion_server.counters import count_executions
from emotion_server.triton_server import TritonServer

COMMAND = Command("demo", extra="serve")
LYRICS = Path(__file__).with_name("demo_lyrics.txt")
NUM_REQUESTS = 256
NUM_AT_A_TIME = 64
BAR_WIDTH = 20


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    return COMMAND.run(lambda _: show(), failures=(EmotionError,))


def show() -> int:
    """Prints the emotion of each lyric, and how many requests share a batch.

    Raises:
        StartError: the server cannot start.
        EmotionError: it does not answer.
    """
    COMMAND.say("starting Triton on free ports of 127.0.0.1")
    with TritonServer(REPOSITORY, address=FREE_PORTS, report=COMMAND.say) as server:
        show_songs(server.address.url)
        COMMAND.say("stopping Triton")
    return 0


def show_songs(url: str) -> None:
    """Prints the emotion of each lyric, and how many requests share a batch."""
    songs = read_songs(LYRICS)
    with EmotionClient(url) as client:
        put_result("")
        for title, lyrics in songs.items():
            put_result(format_row(title, client.predict(lyrics)))
        put_result("")
        put_result(measure_sharing(client, texts=list(songs.values())))


def read_songs(path: Path) -> dict[str, str]:
    """Returns title to lyrics; a song is a block of lines, its title first."""
    blocks = [block.splitlines() for block in path.read_text(encoding="utf-8").split("\n\n")]
    return {lines[0]: "\n".join(lines[1:]) for lines in blocks if not lines[0].startswith("#")}


def format_row(title: str, prediction: Prediction) -> str:
    """Returns one line of the table: title, label, confidence, a bar."""
    label, confidence = prediction
    bar = draw_bar(confidence, width=BAR_WIDTH, block=BLOCK)
    note = f"  truncated: {prediction.num_tokens} tokens" if prediction.truncated else ""
    return f"  {title:<18} {label:<10} {confidence:.2f}  {bar}{note}".rstrip()


def measure_sharing(client: EmotionClient, *, texts: list[str]) -> str:
    """Sends many requests at a time; returns a sentence on how many batches they shared."""
    with open_triton(client.url) as server, ThreadPoolExecutor(NUM_AT_A_TIME) as pool:
        before = count_executions(server, model="emotion")
        requests = [texts[i % len(texts)] for i in range(NUM_REQUESTS)]
        list(pool.map(client.predict, requests))
        num_batches = count_executions(server, model="emotion") - before
    return f"{NUM_REQUESTS} requests, {NUM_AT_A_TIME} at a time, shared {num_batches} batches"


if __name__ == "__main__":
    sys.exit(main())
