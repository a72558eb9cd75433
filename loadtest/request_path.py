#!/usr/bin/env python3
"""Measures what the way of a request costs, apart from the model, and whether its targets are met.

Three servers, one after the other, each started here on free ports of 127.0.0.1 and stopped again:

  empty model    the deployment as it is, but for model.py of `emotion`, which answers constants.
                 One process asks it with Triton's own client, 64 requests under way at a time, by
                 two ways in turn: `async_infer` and `tritonclient.grpc.aio`; the faster one counts.
                 Measured are requests of one row, and rows of requests of 32; 16 tokens each.
  lone requests  the real `emotion` on an idle server, asked by EmotionClient.predict, one text
                 after another: first the lyric mix (3 to 128 tokens and more, p50 104), from the
                 first call after READY on; then texts of 32 tokens. The latter take turns with the
                 engine itself (`Classifier.predict` on the same ids in this process, with the
                 server's settings, while the server is idle): the ratio of the medians is what
                 tokenizer, client, gRPC and Triton make of a forward pass.
  DistilBERT     `emotion` with a DistilBERT of random weights, asked in the same way for texts of
                 128, 64 and 32 tokens. The targets are twice what Hugging Face published for its
                 Infinity on two cores of an Ice Lake (55, 97 and 150 requests a second).

Rates are medians over the rounds, with the slowest and the fastest round beside them. p99/p50 says
how far one call in a hundred is from the usual one; of the lyric mix a part of it is the lengths,
so it stands there for the fixed length too. Whatever else computes on the machine is measured as
well: it wants to be a quiet one.

Exit code: 0 all targets met, or stopped by Ctrl-C; 1 a target missed, or the server died; 2 wrong
usage, or cannot start.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from counts import count_up_to
from emotion_client import EmotionClient, EmotionError
from emotion_client.command.interruption import Interruption
from emotion_client.tokenizer import TextTokenizer
from measured_server import open_server
from output_file import find_problem
from own_texts import DATA, count_with, read_own_texts
from path.bare_load import BareLoad, open_senders
from path.figures import (
    Figure,
    Latencies,
    Target,
    build_json,
    build_rate_figure,
    format_figures,
    is_all_met,
    summarize_times,
)
from path.lone_requests import ask_settings, load_engine, time_each, time_pairs
from path.repositories import build_distilbert_repository, build_empty_repository
from rounds import rotate
from text_mix import LYRICS, Mix, MixError, build_mix, make_lyrics
from tritonclient.grpc import InferenceServerClient

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from emotion_engine.checkpoint import Checkpoint, read_checkpoint
from emotion_engine.errors import CheckpointError
from examples import DataError
from serving.start_error import StartError
from serving.triton_server import REPOSITORY, check_repository

DEFAULT_NUM_REQUESTS, DEFAULT_NUM_ROUNDS, DEFAULT_SEED = 20_000, 5, 1
DEFAULT_NUM_TEXTS, DEFAULT_NUM_PAIRS = 2_000, 500
MIN_REQUESTS_PER_ROUND = 100
MIN_TEXTS = 100  # fewer have no p99
MAX_COUNT = 10_000_000
WARM_UP_REQUESTS = 200
ROW_LEN, MANY_ROWS = 16, 32
PAIR_LEN = 32
REQUEST_RATE = Target(3_000, "at least")
ROW_RATE = Target(20_000, "at least")
SPREAD = Target(2.0, "at most")
OVER_ENGINE = Target(1.5, "at most")
READY = Target(20, "at most")
# Requests a second by tokens of the text: twice the figures of Hugging Face Infinity.
DISTILBERT_RATES = {
    128: Target(110, "at least"),
    64: Target(194, "at least"),
    32: Target(300, "at least"),
}


class CannotStart(Exception):
    """Nothing can be measured; the message says why and what to do."""


@dataclass(frozen=True)
class Lone:
    """How long lone requests took.

    Attributes:
        ready_s: seconds from the start of the server to READY.
        lyrics: texts of the lyric mix, from the first after READY on.
        client: texts of 32 tokens, by the client.
        engine: the same in a forward pass each.
    """

    ready_s: float
    lyrics: Latencies
    client: Latencies
    engine: Latencies


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    interruption = Interruption()
    interruption.install()
    try:
        return 0 if run(args, check=interruption.check) else 1
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        say("stopped")
        return 0
    except (StartError, CannotStart, CheckpointError, MixError, DataError, OSError) as error:
        complain(str(error))
        return 2
    except EmotionError as error:  # it answered at the start, and does no longer
        complain(str(error))
        return 1


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, default, what in (
        ("--requests", DEFAULT_NUM_REQUESTS, "to the empty model, of each kind and way"),
        ("--rounds", DEFAULT_NUM_ROUNDS, "that these are cut into"),
        ("--texts", DEFAULT_NUM_TEXTS, "lone requests of the lyric mix"),
        ("--pairs", DEFAULT_NUM_PAIRS, f"lone requests of {PAIR_LEN} tokens, and forward passes"),
        ("--seed", DEFAULT_SEED, "another one makes other texts"),
    ):
        parser.add_argument(
            option,
            type=count_up_to(MAX_COUNT),
            default=default,
            metavar="NUMBER",
            help=f"{what} (%(default)s)",
        )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="where to write all figures, for programs"
    )
    args = parser.parse_args(argv)
    least = MIN_REQUESTS_PER_ROUND * args.rounds
    if args.requests < least:
        parser.error(
            f"--requests is {args.requests}; {args.rounds} rounds need at least {least}, "
            "or give fewer --rounds"
        )
    for option, number in (("--texts", args.texts), ("--pairs", args.pairs)):
        if number < MIN_TEXTS:
            parser.error(f"{option} is {number}; a p99 needs at least {MIN_TEXTS}")
    if args.json is not None and (problem := find_problem(args.json)):
        parser.error(f"--json {args.json}: {problem}")
    return args


def run(args: argparse.Namespace, *, check: Callable[[], None]) -> bool:
    """Measures, prints and writes; returns whether all targets are met.

    Args:
        args: the command line.
        check: called between calls; raises where a Ctrl-C got lost.

    Raises:
        StartError: a server cannot start.
        CannotStart: no text has the length that is measured.
        CheckpointError: the prepared checkpoint is broken.
        DataError: the texts are not there.
        MixError: the lyrics cannot be made of them.
        EmotionError: a server stopped answering.
        OSError: the figures cannot be written.
    """
    check_repository(REPOSITORY)
    checkpoint = read_checkpoint(REPOSITORY / "emotion" / "1" / "checkpoint")
    # All texts before the server starts, so that the first call follows its READY.
    mix, fixed = read_texts(args, checkpoint=checkpoint)
    rates = measure_empty(args, check=check)
    lone = measure_lone(mix, fixed[PAIR_LEN], checkpoint=checkpoint, check=check)
    distilbert = measure_distilbert(fixed, checkpoint=checkpoint, check=check)
    figures = [*rates, *build_lone_figures(lone), *build_distilbert_figures(distilbert)]
    put("", format_figures(figures))
    if args.json is not None:
        options = {name: value for name, value in vars(args).items() if name != "json"}
        facts = {
            **options,
            "revision": checkpoint.revision,
            "lone": asdict(lone),
            "distilbert": {n: asdict(each) for n, each in distilbert.items()},
        }
        args.json.write_text(build_json(figures, facts=facts), encoding="utf-8")
        say(f"wrote {args.json}")
    return is_all_met(figures)


def read_texts(
    args: argparse.Namespace, *, checkpoint: Checkpoint
) -> tuple[Mix, dict[int, list[str]]]:
    """Makes the lyrics, and finds texts of 128, 64 and 32 tokens.

    Raises:
        CannotStart: there are none of one of these lengths.
        DataError: the project's texts are not there.
        MixError: they are not what is needed.
    """
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    count = count_with(tokenizer)
    verses, messages = read_own_texts("verses"), read_own_texts("messages")
    rng = random.Random(args.seed)  # noqa: S311 - no secret
    lyrics = make_lyrics(verses, sizes=[args.texts], count=count, rng=rng)
    mix = build_mix(LYRICS, lyrics, count=count)
    texts = [*verses, *messages, *mix.rounds[0]]
    lens = [min(num, checkpoint.max_length) for num in count(texts)]
    fixed = {}
    for wanted in DISTILBERT_RATES:
        found = [text for text, num in zip(texts, lens, strict=True) if num == wanted]
        if not found:
            raise CannotStart(
                f"no text made of {DATA} has {wanted} tokens with the prepared checkpoint's "
                "tokenizer; give more --texts, or prepare another checkpoint"
            )
        fixed[wanted] = rng.choices(found, k=args.pairs)
    return mix, fixed


def measure_empty(args: argparse.Namespace, *, check: Callable[[], None]) -> list[Figure]:
    """Returns the rates with the empty model.

    Raises:
        StartError: the server cannot start.
        EmotionError: it stopped answering.
    """
    say("the empty model")
    with (
        tempfile.TemporaryDirectory(prefix="emotion-empty-") as folder,
        open_server(None, report=say, repository=build_empty_repository(Path(folder))) as url,
    ):
        single = measure_rates(url, args=args, num_rows=1, check=check)
        many = measure_rates(url, args=args, num_rows=MANY_ROWS, check=check)
    return [
        build_rate_figure("requests/s of 1 row, empty model", single, target=REQUEST_RATE),
        build_rate_figure(f"rows/s at {MANY_ROWS} a request, empty model", many, target=ROW_RATE),
    ]


def measure_rates(
    url: str, *, args: argparse.Namespace, num_rows: int, check: Callable[[], None]
) -> dict[str, list[float]]:
    """Returns rows a second by sender, a round each.

    Raises:
        EmotionError: the server stopped answering.
    """
    load = BareLoad(num_rows=num_rows, row_len=ROW_LEN)
    num_requests = args.requests // args.rounds
    with open_senders(url) as senders:
        for send in senders.values():
            send(load, WARM_UP_REQUESTS)
        rates: dict[str, list[float]] = {name: [] for name in senders}
        for i in range(args.rounds):
            for name in rotate(list(senders), round_number=i):
                check()
                gc.collect()  # what others left is not this one's to clean up
                start_s = time.perf_counter()
                senders[name](load, num_requests)
                rate = num_requests * num_rows / (time.perf_counter() - start_s)
                rates[name].append(rate)
                what = f"{num_rows} row{'s' * (num_rows != 1)} a request, round {i + 1}"
                say(f"{what} of {args.rounds}: {name} {rate:,.0f} rows/s")
    return rates


def measure_lone(
    mix: Mix, fixed: Sequence[str], *, checkpoint: Checkpoint, check: Callable[[], None]
) -> Lone:
    """Measures lone requests to the real model, and the engine beside them.

    Raises:
        StartError: the server cannot start.
        EmotionError: it stopped answering.
    """
    say("the real model")
    start_s = time.perf_counter()
    with (
        open_server(None, report=say) as url,
        EmotionClient(url) as client,
        InferenceServerClient(url) as server,
    ):
        ready_s = time.perf_counter() - start_s
        client.connect()
        lyrics = time_each(client.predict, mix.rounds[0], check=check)
        say(mix.describe())
        say("loading the engine into this process, and warming it up")
        engine = load_engine(checkpoint, settings=ask_settings(server))
        say(f"{len(fixed):,} texts of {PAIR_LEN} tokens, by client and engine in turn")
        pair = time_pairs(client, fixed, predict=engine.predict, check=check)
    return Lone(ready_s, *map(summarize_times, (lyrics, pair.client, pair.engine)))


def measure_distilbert(
    texts: Mapping[int, Sequence[str]], *, checkpoint: Checkpoint, check: Callable[[], None]
) -> dict[int, Latencies]:
    """Returns tokens of a text to what lone requests to a DistilBERT took.

    Raises:
        StartError: the server cannot start.
        EmotionError: it stopped answering.
    """
    say("a DistilBERT with random weights")
    times = {}
    with tempfile.TemporaryDirectory(prefix="emotion-distilbert-") as folder:
        repository = build_distilbert_repository(Path(folder), checkpoint=checkpoint)
        with (
            open_server(None, report=say, repository=repository) as url,
            EmotionClient(url) as client,
        ):
            client.connect()
            for num_tokens, each in texts.items():
                say(f"{len(each):,} texts of {num_tokens} tokens")
                times[num_tokens] = summarize_times(time_each(client.predict, each, check=check))
    return times


def build_lone_figures(lone: Lone) -> list[Figure]:
    """Returns the figures of lone requests."""
    lyrics, client, engine = lone.lyrics, lone.client, lone.engine
    fixed = f"{PAIR_LEN} tokens"
    return [
        Figure("start to READY, s", lone.ready_s, target=READY),
        Figure("lone lyrics, p50 ms", lyrics.p50_ms, f"the first call {lyrics.first_ms:.2f}"),
        Figure("lone lyrics, p99 ms", lyrics.p99_ms, f"the longest {lyrics.max_ms:.2f}"),
        Figure("lone lyrics, p99/p50", lyrics.spread, target=SPREAD),
        Figure(f"{fixed}, p50 ms", client.p50_ms, f"p99 {client.p99_ms:.2f}"),
        Figure(f"{fixed}, p99/p50", client.spread, f"the engine's own {engine.spread:.2f}"),
        Figure(f"{fixed}, engine p50 ms", engine.p50_ms, f"p99 {engine.p99_ms:.2f}"),
        Figure(f"{fixed}, p50 over engine's", client.p50_ms / engine.p50_ms, target=OVER_ENGINE),
    ]


def build_distilbert_figures(distilbert: Mapping[int, Latencies]) -> list[Figure]:
    """Returns requests a second by tokens of a text."""
    return [
        Figure(
            f"DistilBERT, {num_tokens} tokens, requests/s",
            1000 / each.mean_ms,
            f"p50 {each.p50_ms:.2f} ms, p99 {each.p99_ms:.2f}",
            target=DISTILBERT_RATES[num_tokens],
        )
        for num_tokens, each in distilbert.items()
    ]


def say(line: str) -> None:
    """Prints one line of progress."""
    put(f"request_path: {line}")


def put(*lines: str) -> None:
    """Prints lines."""
    print(*lines, sep="\n", flush=True)


def complain(sentence: str) -> None:
    """Prints one sentence on standard error."""
    print(f"request_path: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
