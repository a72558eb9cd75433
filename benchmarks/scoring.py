#!/usr/bin/env python3
"""Measures bulk scoring: the rate of scripts/score.py in each of its ways, against targets.

In each round the ways get the same lyrics, in an order that rotates:

  engine alone      rows that were tokenized before the clock starts
  score.py          a whole job in this process: reads a Parquet file, tokenizes, computes, writes
  predict_many      the client, of a Triton with the same checkpoint that is started here
  score.py --url    a whole job through this Triton
  score.py --ray    a whole job with workers on Ray, where it is installed

Lyrics have 3 to 128 tokens and more, 92 on average. Figures are medians over the rounds; the lowest
and highest ratio of a round are next to the ratio of the medians. If they are far apart, the
machine was busy. Exit code: 0 all targets met, or stopped by Ctrl-C; 1 one missed, or a server
died; 2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import sys

from emotion_benchmarks.rounds import MIN_ROUND_SIZE
from emotion_benchmarks.scoring.measure import make_rounds, measure
from emotion_benchmarks.scoring.result import judge
from emotion_benchmarks.scoring.ways import open_ways
from emotion_client import EmotionError
from emotion_command.checkout import CHECKPOINT
from emotion_command.numbers import integer
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_engine.errors import CheckpointError, SettingsError
from emotion_loadtest.figure import format_figures, is_all_met, to_json
from emotion_scoring.engine_scorer import EngineScorer
from emotion_scoring.errors import ScorerError

COMMAND = Command("bench-scoring", extra="load")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(
        lambda interruption: run(args, interruption),
        refusals=(CheckpointError, SettingsError),
        failures=(EmotionError, ScorerError),
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    size = integer(MIN_ROUND_SIZE, 10_000_000)
    texts = "lyrics in a round (%(default)s)"
    add("--texts", type=size, default=4000, metavar="NUMBER", help=texts)
    rounds = "number of rounds (%(default)s)"
    add("--rounds", type=integer(1, 1000), default=5, metavar="NUMBER", help=rounds)
    add("--seed", type=int, default=1, help="another one makes other texts (%(default)s)")
    alone = "only the ways in this process: neither Triton nor Ray"
    add("--alone", action="store_true", help=alone)
    add("--json", type=output_file, metavar="FILE", help="write all figures, for programs")
    return parser.parse_args(argv)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Measures, prints and writes; returns the exit code."""
    engine = EngineScorer(CHECKPOINT)
    COMMAND.say(str(engine.classifier))
    sizes = {"num_texts": args.texts, "num_rounds": args.rounds}
    rounds = make_rounds(engine, **sizes, seed=args.seed)
    with open_ways(engine, is_alone=args.alone, report=COMMAND.say) as ways:
        laps = measure(ways, rounds, report=COMMAND.say, check=interruption.check)
    figures = judge(laps)
    put(f"\n{format_figures(figures)}")
    if args.json is not None:
        facts = {"scorer": str(engine.classifier), "seed": args.seed, "laps": laps}
        args.json.write_text(to_json(facts | {"figures": figures}), encoding="utf-8")
        COMMAND.say(f"wrote {args.json}")
    return 0 if is_all_met(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
