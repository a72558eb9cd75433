#!/usr/bin/env python3
"""Trains a text classifier on labelled texts; `scripts/prepare_model.py` prepares it for serving.

The options are in `emotion_training.training.options`, the work in `emotion_training.training`.
"""

from __future__ import annotations

import sys

from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_training.training.options import parse_args
from emotion_training.training.recipe import resolve
from emotion_training.training.train import describe_stop, train

COMMAND = Command("train", extra="train")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)

    def work(interruption: Interruption) -> int:
        train(resolve(args), is_resumed=args.resume, interruption=interruption)
        return 0

    return COMMAND.run(work, describe_stop=lambda: describe_stop(args.output))


if __name__ == "__main__":
    sys.exit(main())
