#!/usr/bin/env python3
"""Starts Triton on free ports, asks it the emotion of a dozen lyrics over gRPC, and stops it."""

from __future__ import annotations

import argparse
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from emotion_client import EmotionClient, EmotionError, Prediction
from healthcheck import count_executions
from serving.address import Address
from serving.start_error import StartError
from serving.triton_server import REPOSITORY, TritonServer
from tritonclient.grpc import InferenceServerClient

LYRICS = Path(__file__).with_name("demo_lyrics.txt")
NUM_REQUESTS = 256
NUM_AT_A_TIME = 64
BAR_WIDTH = 20


def main() -> int:
    """Runs the command; returns its exit code."""
    parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop as at Ctrl-C
    server = TritonServer(
        REPOSITORY, address=Address(http_port=0, grpc_port=0, metrics_port=0), report=say
    )
    try:
        say("starting Triton on free ports of 127.0.0.1")
        with server:
            show(server.address.url)
            say("stopping Triton")
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more is no news
        say("stopped")
    except StartError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    except EmotionError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def parse_args() -> argparse.Namespace:
    """Parses the command line, which has nothing but --help."""
    return argparse.ArgumentParser(description=__doc__).parse_args()


def show(url: str) -> None:
    """Prints the emotion of each lyric, and how many requests share a batch."""
    songs = read_songs(LYRICS)
    with EmotionClient(url) as client:
        print()
        for title, lyrics in songs.items():
            print(format_row(title, client.predict(lyrics)))
        print()
        print(measure_sharing(client, texts=list(songs.values())))


def read_songs(path: Path) -> dict[str, str]:
    """Returns title to lyrics; a song is a block of lines, its title first."""
    blocks = [block.splitlines() for block in path.read_text(encoding="utf-8").split("\n\n")]
    return {lines[0]: "\n".join(lines[1:]) for lines in blocks if not lines[0].startswith("#")}


def format_row(title: str, prediction: Prediction) -> str:
    """Returns one line of the table: title, label, confidence, a bar."""
    label, confidence = prediction
    bar = "█" * round(BAR_WIDTH * prediction.confidence)
    note = f"  truncated: {prediction.num_tokens} tokens" if prediction.truncated else ""
    return f"  {title:<18} {label:<10} {confidence:.2f}  {bar:<{BAR_WIDTH}}{note}".rstrip()


def measure_sharing(client: EmotionClient, *, texts: list[str]) -> str:
    """Sends many requests at a time; returns a sentence on how many batches they shared."""
    with InferenceServerClient(client.url) as server, ThreadPoolExecutor(NUM_AT_A_TIME) as pool:
        before = count_executions(server, model="emotion")
        requests = [texts[i % len(texts)] for i in range(NUM_REQUESTS)]
        list(pool.map(client.predict, requests))
        num_batches = count_executions(server, model="emotion") - before
    return f"{NUM_REQUESTS} requests, {NUM_AT_A_TIME} at a time, shared {num_batches} batches"


def say(line: str) -> None:
    """Prints one line of progress."""
    print(f"demo: {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
