#!/usr/bin/env python3
"""Measures how many texts per second the client classifies, and whether its targets are met.

Two mixes of texts: single lines of 8 to 20 tokens, and lyrics (3 to 128 tokens and more, p10 38,
p50 104, p90 128, mean 92, 45 % of them truncated at 128), both made from data/verses.jsonl and
data/messages.jsonl. Five ways to classify them:

  predict_many              EmotionClient.predict_many
  predict, 64 threads       EmotionClient.predict, called by 64 threads
  tritonclient loop         Triton's own client; the same requests as predict_many, built before
                            the clock starts and sent one at a time
  async predict_many        AsyncEmotionClient.predict_many
  async predict, 64 tasks   AsyncEmotionClient.predict, called by 64 tasks

The texts of a mix are cut into rounds. In each round every way gets the same texts, in an order
that rotates. Tables have medians over the rounds. A target is about the ratio of the medians; the
lowest and highest ratio of a round are next to it. If they are far apart, the machine was busy: use
more rounds or an idle machine. "Client CPU" is the processor time of this process, "model busy" the
share of the time in which the server's classifier computed.

It starts a Triton with the prepared checkpoint, and stops it at the end. Exit code: 0 all targets
met, or stopped by Ctrl-C; 1 a target missed, or the server died; 2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import sys

from emotion_benchmarks.client.measure import ask_info, measure, read_mixes
from emotion_benchmarks.client.result import build_document, judge
from emotion_benchmarks.rounds import check_rounds
from emotion_client import EmotionError
from emotion_client.arguments import check_url
from emotion_client.bulk import ROWS_PER_REQUEST
from emotion_command.numbers import checked, integer
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_loadtest.figure import format_figures, is_all_met, to_json
from emotion_loadtest.server import open_server

COMMAND = Command("bench-client", extra="load")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(lambda interruption: run(args, interruption), failures=(EmotionError,))


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option, kind, default, use in (
        ("--lines", integer(1, 10_000_000), 10_000, "single lines, in all rounds together"),
        ("--texts", integer(1, 10_000_000), 1_500, "lyrics, in all rounds together"),
        ("--rounds", integer(1, 10_000_000), 5, "that each mix is cut into"),
        ("--seed", int, 1, "another one makes other texts"),
    ):
        use = f"{use} (%(default)s)"
        parser.add_argument(option, type=kind, default=default, metavar="NUMBER", help=use)
    parser.add_argument(
        "--url",
        type=checked(check_url),
        metavar="HOST:PORT",
        help="gRPC of a running server to ask instead; its other callers distort the figures",
    )
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="write all figures, for programs"
    )
    return parser.parse_args(argv)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Measures, prints and writes; returns the exit code."""
    check_rounds(args.rounds, lines=args.lines, texts=args.texts)
    plan = {"num_lines": args.lines, "num_lyrics": args.texts, "num_rounds": args.rounds}
    with open_server(args.url, report=COMMAND.say) as url:
        info = ask_info(url)
        mixes = read_mixes(info, **plan, seed=args.seed)
        results = measure(url, mixes, report=COMMAND.say, check=interruption.check)
    figures = judge(results)
    put(f"\n{format_figures(figures)}")
    if args.json is not None:
        facts = {"seed": args.seed, "rounds": args.rounds, "rows_per_request": ROWS_PER_REQUEST}
        facts |= {"revision": info.revision, "mixes": build_document(results), "targets": figures}
        args.json.write_text(to_json(facts), encoding="utf-8")
        COMMAND.say(f"wrote {args.json}")
    return 0 if is_all_met(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
