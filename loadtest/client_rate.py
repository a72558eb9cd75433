#!/usr/bin/env python3
"""Measures how many texts a second the client classifies, and whether its targets are met.

Two mixes of texts: single lines of 8 to 20 tokens, and lyrics (3 to 128 tokens and more, p10 38,
p50 104, p90 128, mean 92, 45 % of them truncated at 128), both made of data/verses.jsonl and
data/messages.jsonl. Five ways to have them classified:

  predict_many              EmotionClient.predict_many
  predict, 64 threads       EmotionClient.predict, called by 64 threads
  tritonclient loop         Triton's own client, the same requests as predict_many, made ready
                            before the clock starts and sent one at a time
  async predict_many        AsyncEmotionClient.predict_many
  async predict, 64 tasks   AsyncEmotionClient.predict, called by 64 tasks

The texts of a mix are cut into rounds. In each round every way gets the same texts, and each round
begins with another way, so that what else the machine does hits all alike. The table has medians
over the rounds. A target is judged by the ratio of the medians; beside it stand the lowest and the
highest ratio within a round: where they lie far apart, the machine was busy, and more rounds or a
quiet hour say more. "Client CPU" is the processor time of this process, "model busy" the share of
the time in which the server's classifier computed: where both are low, Triton let it wait.

It starts a Triton of its own with the prepared checkpoint, and stops it at the end. Exit code: 0
all targets met, or stopped by Ctrl-C; 1 a target missed, or the server died; 2 wrong usage, or
cannot start.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from counts import count_up_to
from emotion_client import EmotionClient, EmotionError, Overloaded, ServerError, ServerInfo
from emotion_client.bulk import ROWS_PER_REQUEST
from emotion_client.command.interruption import Interruption
from measured_server import open_server
from output_file import find_problem
from own_texts import count_with, read_own_texts
from rate_report import build_json, format_table, format_verdict
from rates import Lap, Result, Target, Verdict, judge, summarize
from rounds import rotate
from server_load import read_load
from text_mix import (
    LINES,
    LYRIC_LIMIT,
    LYRICS,
    Mix,
    MixError,
    build_mix,
    make_lines,
    make_lyrics,
)
from tritonclient.grpc import InferenceServerClient
from ways import BARE, PREDICT, PREDICT_MANY, Way, open_ways

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from examples import DataError
from healthcheck import parse_url
from serving.start_error import StartError

DEFAULT_NUM_LINES, DEFAULT_NUM_LYRICS, DEFAULT_NUM_ROUNDS, DEFAULT_SEED = 10_000, 1_500, 5, 1
MIN_TEXTS_PER_ROUND = 100  # fewer have no tenths
MAX_COUNT = 10_000_000
WARM_UP_TEXTS = 64
# Triton counts a batch a moment after its last answer.
SETTLE_S = 0.05
TARGETS = (
    Target(LINES, PREDICT_MANY, PREDICT, quantity="rate", limit=1.5),
    Target(LINES, PREDICT_MANY, BARE, quantity="time", limit=1.25),
    Target(LYRICS, PREDICT_MANY, PREDICT, quantity="rate", limit=1.0),
    Target(LYRICS, PREDICT_MANY, BARE, quantity="time", limit=1.25),
)


class CannotStart(Exception):
    """Nothing can be measured; the message says why and what to do."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    interruption = Interruption()
    interruption.install()
    try:
        with open_server(args.url, report=say) as url:
            is_met = run(args, url=url, check=interruption.check)
            if args.url is None:
                say("stopping Triton")
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        say("stopped")
        return 0
    except (StartError, CannotStart, MixError, DataError, OSError) as error:
        complain(str(error))
        return 2
    except Overloaded as error:
        complain(f"{error}; a machine this slow or busy cannot be measured: try a quiet hour")
        return 1
    except EmotionError as error:  # it answered at the start, and does no longer
        complain(str(error))
        return 1
    return 0 if is_met else 1


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, default, what in (
        ("--lines", DEFAULT_NUM_LINES, "single lines, in all rounds together"),
        ("--texts", DEFAULT_NUM_LYRICS, "lyrics, in all rounds together"),
        ("--rounds", DEFAULT_NUM_ROUNDS, "that each mix is cut into"),
    ):
        parser.add_argument(
            option,
            type=count_up_to(MAX_COUNT),
            default=default,
            metavar="NUMBER",
            help=f"{what} (%(default)s)",
        )
    parser.add_argument(
        "--seed",
        type=int,
        default=DEFAULT_SEED,
        metavar="NUMBER",
        help="another one makes other texts (%(default)s)",
    )
    parser.add_argument(
        "--url",
        type=parse_url,
        metavar="HOST:PORT",
        help="gRPC of a running server to ask, instead of one of its own; what others ask it "
        "meanwhile is measured too",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to write all figures, for programs"
    )
    args = parser.parse_args(argv)
    for option, number in (("--lines", args.lines), ("--texts", args.texts)):
        if number < MIN_TEXTS_PER_ROUND * args.rounds:
            parser.error(
                f"{option} is {number}; {args.rounds} rounds need at least "
                f"{MIN_TEXTS_PER_ROUND * args.rounds}, or give fewer --rounds"
            )
    if args.json is not None and (problem := find_problem(args.json)):
        parser.error(f"--json {args.json}: {problem}")
    return args


def run(args: argparse.Namespace, *, url: str, check: Callable[[], None]) -> bool:
    """Measures, prints and writes; returns whether all targets are met.

    Args:
        args: the command line.
        url: of the server.
        check: called between laps; raises where a Ctrl-C got lost.

    Raises:
        CannotStart: the server does not answer, or its model reads another number of tokens.
        DataError: the texts are not there.
        MixError: the mixes cannot be made of them.
        EmotionError: the server stopped answering.
        OSError: the figures cannot be written.
    """
    info = ask_info(url)
    results = []
    with open_ways(url) as ways, InferenceServerClient(url) as server:
        for mix in read_mixes(args, info=info):
            put("", mix.describe())
            result = Result(mix, run_rounds(mix, ways=ways, server=server, check=check))
            put("", format_table({name: summarize(laps) for name, laps in result.laps.items()}))
            results.append(result)
    verdicts = list(judge_all(results))
    put("", *map(format_verdict, verdicts))
    if args.json is not None:
        facts: dict[str, object] = {
            "seed": args.seed,
            "rounds": args.rounds,
            "rows_per_request": ROWS_PER_REQUEST,
            "revision": info.revision,
        }
        args.json.write_text(build_json(results, verdicts=verdicts, facts=facts), encoding="utf-8")
        say(f"wrote {args.json}")
    return all(verdict.is_met for verdict in verdicts)


def ask_info(url: str) -> ServerInfo:
    """Asks the server what it serves.

    Raises:
        CannotStart: it does not answer, or its model reads another number of tokens than the
            lyrics are made for.
    """
    try:
        with EmotionClient(url) as client:
            info = client.connect()
    except EmotionError as error:
        raise CannotStart(str(error)) from error
    if info.max_length != LYRIC_LIMIT:
        raise CannotStart(
            f"{url}: its model reads {info.max_length} tokens of a text; the lyrics are made for "
            f"{LYRIC_LIMIT}, so serve a checkpoint with that max_length"
        )
    return info


def read_mixes(args: argparse.Namespace, *, info: ServerInfo) -> list[Mix]:
    """Makes the texts of both mixes, with the server's own tokenizer.

    Raises:
        DataError: the project's texts are not there.
        MixError: they are not what is needed.
    """
    count = count_with(info.tokenizer)
    verses, messages = read_own_texts("verses"), read_own_texts("messages")
    rng = random.Random(args.seed)  # noqa: S311 - no secret
    lines = make_lines([*verses, *messages], num_lines=args.lines, count=count, rng=rng)
    lyrics = make_lyrics(verses, sizes=split(args.texts, args.rounds), count=count, rng=rng)
    return [
        build_mix(LINES, [lines[i :: args.rounds] for i in range(args.rounds)], count=count),
        build_mix(LYRICS, lyrics, count=count),
    ]


def split(number: int, num_parts: int) -> list[int]:
    """Returns whole numbers, as equal as can be, with this sum."""
    return [len(range(i, number, num_parts)) for i in range(num_parts)]


def run_rounds(
    mix: Mix, *, ways: Sequence[Way], server: InferenceServerClient, check: Callable[[], None]
) -> dict[str, list[Lap]]:
    """Runs every way over every round of a mix.

    Raises:
        EmotionError: the server stopped answering.
    """
    laps: dict[str, list[Lap]] = {way.name: [] for way in ways}
    say(f"{mix.name}: warming up")
    for way in ways:
        way.prepare(mix.rounds[0][:WARM_UP_TEXTS])()
    for i, texts in enumerate(mix.rounds):
        for way in rotate(ways, round_number=i):
            check()
            lap = run_lap(way, texts, server=server)
            laps[way.name].append(lap)
            turn = f"{mix.name}, round {i + 1} of {len(mix.rounds)}"
            say(f"{turn}: {way.name} {lap.texts_per_s:,.0f}/s")
    return laps


def run_lap(way: Way, texts: Sequence[str], *, server: InferenceServerClient) -> Lap:
    """Runs one way over some texts, by the clock.

    Raises:
        EmotionError: the server stopped answering, or left texts without an answer.
    """
    ask = way.prepare(texts)
    gc.collect()  # what others left is not this one's to clean up
    before = read_load(server)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    num_answers = ask()
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    time.sleep(SETTLE_S)
    load = read_load(server) - before
    if num_answers != len(texts):
        raise ServerError(f"{way.name}: {num_answers} answers to {len(texts)} texts")
    return Lap(len(texts), wall_s, cpu_s, load.num_rows, load.num_batches, load.busy_s)


def judge_all(results: Sequence[Result]) -> Iterator[Verdict]:
    """Yields the verdict on each target."""
    laps = {result.mix.name: result.laps for result in results}
    for target in TARGETS:
        own = laps[target.mix]
        yield judge(target, laps=own[target.way], others=own[target.other])


def say(line: str) -> None:
    """Prints one line of progress."""
    put(f"client_rate: {line}")


def put(*lines: str) -> None:
    """Prints lines."""
    print(*lines, sep="\n", flush=True)


def complain(sentence: str) -> None:
    """Prints one sentence on standard error."""
    print(f"client_rate: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
