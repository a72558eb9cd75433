#!/usr/bin/env python3
"""Prepares the checkpoint that Triton serves: an ordinary Hugging Face folder, checked before use.

Without options it merges the shipped adapter into its base model. With --model it takes any
sequence classifier, from a folder or from the Hugging Face hub.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_command.checkout import CHECKPOINT
from emotion_command.runner import Command
from emotion_engine.errors import CheckpointError
from emotion_training.checkpoint.max_length import DEFAULT_MAX_LENGTH
from emotion_training.checkpoint.prepare import prepare

COMMAND = Command("prepare_model", extra="prepare")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    return COMMAND.run(
        lambda _: write_checkpoint(args),
        refusals=(CheckpointError,),
        describe_stop=lambda: "stopped; the checkpoint is as it was",
    )


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--model",
        metavar="FOLDER|HUB_ID",
        help="a sequence classifier with safetensors weights, for instance "
        "bhadresh-savani/bert-base-uncased-emotion, or an adapter that train.py wrote "
        "(default: the shipped adapter on its base)",
    )
    parser.add_argument("--revision", help="commit, tag or branch of a hub model")
    parser.add_argument(
        "--max-length",
        type=int,
        metavar="TOKENS",
        help="maximum tokens per text, special ones included (default: as prepared or trained; of "
        f"other models at most {DEFAULT_MAX_LENGTH})",
    )
    parser.add_argument(
        "--labels",
        type=lambda text: [name.strip() for name in text.split(",")],
        metavar="NAMES",
        help="names of the outputs in their order, such as joy,sadness, for a model without them",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=CHECKPOINT,
        metavar="FOLDER",
        help="where to write (%(default)s)",
    )
    return parser.parse_args(argv)


def write_checkpoint(args: argparse.Namespace) -> int:
    """Writes the checkpoint.

    Raises:
        PrepareError: the model cannot be served, or the output is in the way.
        BaseModelError: the base of the shipped adapter is missing or altered.
    """
    prepare(
        args.model,
        target=args.output,
        revision=args.revision,
        max_length=args.max_length,
        labels=args.labels,
        report=COMMAND.say,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
