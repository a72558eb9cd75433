#!/usr/bin/env python3
"""Measures how often a checkpoint is right on labelled texts: in this process, or on a server.

In this process it is plain transformers in float32, the reference for everything that is served.
With --url a running server answers. Both print the same metrics and the same report, and write the
same files: metrics.json, confusion.png, reliability.png and predictions.jsonl, which has labels and
probabilities but no texts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_client import EmotionError, InvalidInput
from emotion_client.arguments import MAX_TIMEOUT_S, check_url
from emotion_command.numbers import checked, integer, number, number_above
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_training.evaluation.evaluate import Options, describe_miss, evaluate

COMMAND = Command("evaluate", extra="train")
RESTART_TIMEOUT_S = 120.0  # a server that restarts must not end a long evaluation
EPILOG = """\
Exit codes: 0 done or stopped; 1 --min-macro-f1 is missed, or the server stopped answering; 2 wrong
usage, bad input, or cannot start or write."""


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = vars(parse_args(argv))
    least = args.pop("min_macro_f1")

    def work(interruption: Interruption) -> int:
        scores = evaluate(Options(**args), report=COMMAND.say, interruption=interruption)
        miss = describe_miss(scores.macro_f1, least=least)
        if miss:
            COMMAND.complain(miss)
        return 1 if miss else 0

    return COMMAND.run(
        work,
        refusals=(InvalidInput,),
        failures=(EmotionError,),
        describe_stop=lambda: "stopped; nothing was written",
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    data = "labelled texts: CSV, TSV, JSONL or Parquet"
    add("data", type=Path, metavar="DATA", help=data)
    add_model = parser.add_mutually_exclusive_group().add_argument
    checkpoint = (
        "a classifier with safetensors weights, or an adapter that train.py wrote "
        "(default: the checkpoint that this repository serves)"
    )
    add_model("--checkpoint", metavar="FOLDER|HUB_ID", help=checkpoint)
    url = "gRPC address of a running server to evaluate instead"
    add_model("--url", type=checked(check_url), metavar="HOST:PORT", help=url)
    text = "its name, or its number from 1 if there is no header (default: %(default)s)"
    add("--text-column", default="text", metavar="NAME", help=text)
    label = "likewise (default: %(default)s)"
    add("--label-column", default="label", metavar="NAME", help=label)
    size = "texts of a forward pass; with --url: requests in flight (default: %(default)s)"
    add("--batch-size", type=integer(1, 1024), default=64, metavar="TEXTS", help=size)
    output = (
        "written after the measurement; the files of an older evaluation are replaced, other files "
        "stay (default: %(default)s)"
    )
    add("--output", type=Path, default=Path("evaluation"), metavar="FOLDER", help=output)
    least = "exit with 1 if macro F1 is below this"
    add("--min-macro-f1", type=number(0, 1), default=0.0, metavar="0..1", help=least)
    timeout = "of a call to the server, including its restart (default: %(default)s)"
    add(
        "--timeout",
        dest="timeout_s",
        type=number_above(0, MAX_TIMEOUT_S),
        default=RESTART_TIMEOUT_S,
        metavar="SECONDS",
        help=timeout,
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
