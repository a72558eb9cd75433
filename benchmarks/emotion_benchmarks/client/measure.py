"""Measures the ways to ask in rounds, so that whatever else the machine does affects all alike."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Sequence

from emotion_client import EmotionClient, EmotionError, Overloaded, ServerError, ServerInfo
from emotion_client.channel import open_triton
from emotion_command.errors import Refusal
from emotion_command.output import put
from emotion_loadtest.texts import (
    LINES,
    LYRIC_LIMIT,
    LYRICS,
    Mix,
    build_mix,
    count_with,
    make_lines,
    make_lyrics,
    read_own_texts,
)
from emotion_server.counters import read_load
from tritonclient.grpc import InferenceServerClient

from emotion_benchmarks.client.result import MixResult, WayLap, format_ways
from emotion_benchmarks.client.ways import Way, open_ways
from emotion_benchmarks.rounds import rotate

WARM_UP_TEXTS = 64
# Triton counts a batch a moment after its last answer.
SETTLE_S = 0.05


def ask_info(url: str) -> ServerInfo:
    """Asks the server what it serves.

    Raises:
        Refusal: it does not answer, or its model does not read `LYRIC_LIMIT` tokens.
    """
    try:
        with EmotionClient(url) as client:
            info = client.connect()
    except EmotionError as error:
        raise Refusal(str(error)) from error
    if info.max_length != LYRIC_LIMIT:
        raise Refusal(
            f"{url}: its model reads {info.max_length} tokens of a text; the lyrics are made for "
            f"{LYRIC_LIMIT}, so serve a checkpoint with that max_length"
        )
    return info


def read_mixes(
    info: ServerInfo, *, num_lines: int, num_lyrics: int, num_rounds: int, seed: int
) -> list[Mix]:
    """Makes the texts of both mixes, with the server's own tokenizer.

    Args:
        info: what the server serves.
        num_lines: single lines, in all rounds together.
        num_lyrics: lyrics, likewise.
        num_rounds: that each mix is cut into.
        seed: another one makes other texts.

    Raises:
        DataError: the project's texts are missing.
        TextError: the mixes cannot be made from them.
    """
    count = count_with(info.tokenizer)
    verses, messages = read_own_texts("verses"), read_own_texts("messages")
    rng = random.Random(seed)  # noqa: S311 - no secret
    lines = make_lines([*verses, *messages], num_lines=num_lines, count=count, rng=rng)
    lyrics = make_lyrics(verses, sizes=split(num_lyrics, num_rounds), count=count, rng=rng)
    return [
        build_mix(LINES, [lines[i::num_rounds] for i in range(num_rounds)], count=count),
        build_mix(LYRICS, lyrics, count=count),
    ]


def split(number: int, num_parts: int) -> list[int]:
    """Returns integers with this sum that differ by at most 1."""
    return [len(range(i, number, num_parts)) for i in range(num_parts)]


def measure(
    url: str,
    mixes: Sequence[Mix],
    *,
    report: Callable[[str], None],
    check: Callable[[], None],
) -> list[MixResult]:
    """Measures all ways, and prints a table of each mix.

    Args:
        url: of the server.
        mixes: what it is asked.
        report: gets lines of progress.
        check: called between laps; raises if a Ctrl-C was discarded.

    Raises:
        EmotionError: the server stopped answering.
    """
    results = []
    with open_ways(url) as ways, open_triton(url) as server:
        for mix in mixes:
            put(f"\n{mix.describe()}")
            try:
                laps = run_rounds(mix, ways=ways, server=server, report=report, check=check)
            except Overloaded as error:
                raise Overloaded(
                    f"{error}; this machine is too slow or too busy to be measured: "
                    "try again when it is idle"
                ) from error
            put(f"\n{format_ways(laps)}")
            results.append(MixResult(mix, laps))
    return results


def run_rounds(
    mix: Mix,
    *,
    ways: Sequence[Way],
    server: InferenceServerClient,
    report: Callable[[str], None],
    check: Callable[[], None],
) -> dict[str, list[WayLap]]:
    """Runs every way over every round of a mix.

    Raises:
        EmotionError: the server stopped answering.
    """
    laps: dict[str, list[WayLap]] = {way.name: [] for way in ways}
    report(f"{mix.name}: warming up")
    for way in ways:
        way.prepare(mix.rounds[0][:WARM_UP_TEXTS])()
    for i, texts in enumerate(mix.rounds):
        for way in rotate(ways, round_number=i):
            check()
            lap = run_lap(way, texts, server=server)
            laps[way.name].append(lap)
            turn = f"{mix.name}, round {i + 1} of {len(mix.rounds)}"
            report(f"{turn}: {way.name} {lap.texts_per_s:,.0f}/s")
    return laps


def run_lap(way: Way, texts: Sequence[str], *, server: InferenceServerClient) -> WayLap:
    """Runs one way over some texts, and times it.

    Raises:
        EmotionError: the server stopped answering, or left texts without an answer.
    """
    ask = way.prepare(texts)
    gc.collect()  # garbage of others must not be collected on this one's time
    before = read_load(server)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    num_answers = ask()
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    time.sleep(SETTLE_S)
    load = read_load(server) - before
    if num_answers != len(texts):
        raise ServerError(f"{way.name}: {num_answers} answers to {len(texts)} texts")
    return WayLap(len(texts), wall_s, cpu_s, load)
