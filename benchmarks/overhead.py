#!/usr/bin/env python3
"""Measures request overhead, the time that client and Triton add to the model's own.

Three servers, one after another, each started on free ports of 127.0.0.1 and stopped again:

  empty model    `emotion` with a model.py that answers constants. One process sends requests with
                 Triton's own client, 64 in flight at a time, in turn with `async_infer` and with
                 `tritonclient.grpc.aio`; the faster one counts. Measured: requests of one row, and
                 rows of requests of 32; 16 tokens each.
  lone requests  the real `emotion`, asked by EmotionClient.predict, one text after another: first
                 the lyric mix (3 to 128 tokens and more, p50 104), from the first call after READY
                 on; then texts of 32 tokens, in turn with the engine itself (`Classifier.predict`
                 in this process, with the same ids and settings). The ratio of the medians is the
                 overhead of tokenizer, client, gRPC and Triton.
  DistilBERT     `emotion` with a DistilBERT of random weights, asked in the same way for texts of
                 128, 64 and 32 tokens. The targets are twice what Hugging Face published for its
                 Infinity on two cores of an Ice Lake (55, 97 and 150 requests per second).

Rates are medians over the rounds, with the slowest and fastest round next to them. Run it on an
idle machine; other load distorts the results. Exit code: 0 all targets met, or stopped by Ctrl-C;
1 a target missed, or the server died; 2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import sys

from emotion_benchmarks.overhead.measure import Bench, read_texts
from emotion_benchmarks.overhead.result import PAIR_LEN
from emotion_benchmarks.rounds import check_rounds
from emotion_client import EmotionError
from emotion_command.checkout import CHECKPOINT, REPOSITORY
from emotion_command.numbers import integer
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.errors import CheckpointError
from emotion_loadtest.figure import format_figures, is_all_met, to_json
from emotion_server.triton_server import check_repository

COMMAND = Command("bench-overhead", extra="load")
MIN_TEXTS = 100  # fewer have no p99


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(
        lambda interruption: run(args, interruption),
        refusals=(CheckpointError,),
        failures=(EmotionError,),
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, least, default, use in (
        ("--requests", 1, 20_000, "to the empty model, of each size and with each sender"),
        ("--rounds", 1, 5, "that these are cut into"),
        ("--texts", MIN_TEXTS, 2_000, "lone requests of the lyric mix"),
        ("--pairs", MIN_TEXTS, 500, f"lone requests of {PAIR_LEN} tokens, and forward passes"),
        ("--seed", 1, 1, "another one makes other texts"),
    ):
        kind, use = integer(least, 10_000_000), f"{use} (%(default)s)"
        parser.add_argument(option, type=kind, default=default, metavar="NUMBER", help=use)
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="write all figures, for programs"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Measures, prints and writes; returns the exit code."""
    options = {name: value for name, value in vars(args).items() if name != "json"}
    check_rounds(args.rounds, requests=args.requests)
    check_repository(REPOSITORY)
    checkpoint = read_checkpoint(CHECKPOINT)
    # Before the server starts, so that the first call follows its READY.
    plan = {"num_texts": args.texts, "num_pairs": args.pairs, "seed": args.seed}
    texts = read_texts(checkpoint, **plan)
    result = Bench(
        checkpoint, args.requests, args.rounds, report=COMMAND.say, check=interruption.check
    ).measure(texts)
    put(f"\n{format_figures(result.figures)}")
    if args.json is not None:
        facts = {**options, "revision": checkpoint.revision, **vars(result)}
        args.json.write_text(to_json({**facts, "figures": result.figures}), encoding="utf-8")
        COMMAND.say(f"wrote {args.json}")
    return 0 if is_all_met(result.figures) else 1


if __name__ == "__main__":
    sys.exit(main())
