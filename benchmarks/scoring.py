#!/usr/bin/env python3
"""Measures bulk scoring: how much of the engine's rate scripts/score.py reaches.

In each round the engine alone computes lyrics that are tokenized before the clock starts, and a
whole scoring job reads the same lyrics from a Parquet file, tokenizes and computes them, and writes
them with their scores. Which is first changes from round to round. Lyrics have 3 to 128 tokens and
more, 92 on average. Figures are medians over the rounds; the lowest and highest ratio of a round
are next to the ratio of the medians. If they are far apart, the machine was busy.

The last figure, times the price of this machine per hour, is the cost of a million lyrics.
Exit code: 0 the target is met, or stopped by Ctrl-C; 1 missed; 2 wrong usage, or it cannot start.
"""

from __future__ import annotations

import argparse
import sys

from emotion_benchmarks.rounds import MIN_ROUND_SIZE
from emotion_benchmarks.scoring.measure import measure
from emotion_benchmarks.scoring.result import judge
from emotion_command.checkout import CHECKPOINT
from emotion_command.numbers import integer
from emotion_command.output import put
from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_engine.errors import CheckpointError, SettingsError
from emotion_loadtest.figure import format_figures, is_all_met, to_json
from emotion_scoring.engine_scorer import EngineScorer

COMMAND = Command("bench-scoring", extra="load")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(
        lambda interruption: run(args, interruption), refusals=(CheckpointError, SettingsError)
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
    add("--json", type=output_file, metavar="FILE", help="write all figures, for programs")
    return parser.parse_args(argv)


def run(args: argparse.Namespace, interruption: Interruption) -> int:
    """Measures, prints and writes; returns the exit code."""
    scorer = EngineScorer(CHECKPOINT)
    COMMAND.say(scorer.facts.name)
    laps = measure(
        scorer,
        num_texts=args.texts,
        num_rounds=args.rounds,
        seed=args.seed,
        report=COMMAND.say,
        interruption=interruption,
    )
    figures = judge(laps)
    put(f"\n{format_figures(figures)}")
    if args.json is not None:
        facts = {"scorer": scorer.facts.name, "seed": args.seed, "laps": laps}
        args.json.write_text(to_json(facts | {"figures": figures}), encoding="utf-8")
        COMMAND.say(f"wrote {args.json}")
    return 0 if is_all_met(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
