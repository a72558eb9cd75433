"""The command line of train.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emotion_command.numbers import integer, number

from emotion_training.checkpoint.base_model import BASE_NAME
from emotion_training.training.recipe import FULL_LEARNING_RATE, LORA_LEARNING_RATE

DESCRIPTION = "Train a text classifier on labelled texts: an adapter on a base model, or all of it."
EPILOG = """\
Data are CSV, TSV, JSONL or Parquet, by their suffix, in UTF-8. With a header
  lyrics,mood
  "Tears fall on my letter",sadness
the columns are named, and the labels are those in the label column:
  python scripts/train.py --train mine.csv --text-column lyrics --label-column mood \\
      --output checkpoints/mine
Without a header they are numbered: --text-column 1 --label-column 2.

Then prepare the served checkpoint:
  python scripts/prepare_model.py --model checkpoints/mine

A bigger model can teach: --teacher is the folder of an encoder, or of a classifier that was trained
on the same labels. It also labels the texts of --unlabelled, JSONL for instance, of any length:
  python scripts/train.py --train mine.csv --teacher all-mpnet-base-v2 --unlabelled songs.jsonl \\
      --output checkpoints/mine
What it computed is kept in OUTPUT.teacher, for other trainings too.

Ctrl-C stops; the same command with --resume continues after the last whole epoch."""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(parser)
    add_network_options(parser)
    add_teacher_options(parser)
    add_schedule_options(parser)
    return parser.parse_args(argv)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Adds what is read and written."""
    add = _adder(parser.add_argument_group("data"))
    train = "training data; several files are joined"
    add("--train", train, type=Path, nargs="+", action="extend", required=True)
    add("--validation", "data for early stopping and calibration", type=Path)
    share = "share of each label's training texts to hold out if there is no --validation"
    add("--validation-share", share, type=number(0.001, 0.9), default=0.1)
    add("--test", "data to measure at the end, and for nothing else", type=Path)
    column = "its name, or its number from 1 if there is no header"
    add("--text-column", column, default="text", metavar="NAME")
    add("--label-column", "likewise", default="label", metavar="NAME")
    strict = "refuse texts that two splits share; by default the training side drops them"
    add("--strict", strict, action="store_true")
    output = (
        "folder to write; an older one that train.py wrote is replaced, except for your README.md"
    )
    add("--output", output, type=Path, metavar="FOLDER", required=True)
    add("--resume", "continue with OUTPUT.unfinished", action="store_true")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Adds what is trained."""
    add = _adder(parser.add_argument_group("network"))
    base = f"folder or hub id of an encoder such as BERT or ModernBERT (default: {BASE_NAME})"
    add("--base", base, type=_name, metavar="MODEL")
    full = "train all weights and write a whole checkpoint, not a LoRA adapter of a few MB"
    add("--full", full, action="store_true")
    start = (
        "an adapter of train.py on the same base, with the same labels and rank, to train further"
    )
    add("--start", start, type=Path, metavar="FOLDER")
    kept = "of its weights in the average with the trained ones"
    add("--start-share", kept, type=number(0, 1), default=0.0)
    add("--rank", "of LoRA's matrices", type=integer(1, 384), default=16)
    add("--max-length", "most tokens of a text", type=integer(3, 8192), default=128)


def add_teacher_options(parser: argparse.ArgumentParser) -> None:
    """Adds what a bigger model teaches."""
    add = _adder(parser.add_argument_group("teacher"))
    teacher = "an encoder or a classifier whose probabilities are learned beside the labels"
    add("--teacher", teacher, type=Path, metavar="FOLDER")
    texts = "texts for the teacher to label; long ones are split at stanzas, lines or words"
    add("--unlabelled", texts, type=Path, nargs="+", action="extend", default=[])
    share = "of the teacher in what is learned about a labelled text"
    add("--teacher-share", share, type=number(0, 1), default=0.5)


def add_schedule_options(parser: argparse.ArgumentParser) -> None:
    """Adds how it is trained."""
    add = _adder(parser.add_argument_group("training"))
    add("--epochs", "most passes over the data", type=integer(1, 1000), default=4)
    patience = "epochs without a better macro F1 on the validation data before training stops"
    add("--patience", patience, type=integer(1, 1000), default=2)
    members = "trainings, each with another order of the data, whose weights are averaged"
    add("--members", members, type=integer(1, 16), default=1)
    rate = f"peak (default: {LORA_LEARNING_RATE}, with --full {FULL_LEARNING_RATE})"
    add("--learning-rate", rate, type=number(1e-7, 1))
    add("--batch-size", "texts in a step", type=integer(1, 4096), default=32)
    dtype = "to multiply in; auto: bfloat16, in half the time, where the processor has it"
    add("--dtype", dtype, choices=("auto", "bfloat16", "float32"), default="float32")
    weights = "balanced: weight the loss by each label's inverse frequency"
    add("--class-weights", weights, choices=("none", "balanced"), default="none")
    smoothing = "share of the target probability that is spread over all labels"
    add("--label-smoothing", smoothing, type=number(0, 0.9), default=0.0)
    most = "texts of a file that each member learns from, chosen at random (default: all)"
    add("--most-per-file", most, type=integer(1, 10**9))
    verses = "verses to add per text of one line, each made from 2 to 4 such texts of one label"
    add("--verses", verses, type=number(0, 10), default=0.0)
    add("--seed", "of every random choice", type=integer(0, 2**32 - 1), default=0)


def _adder(group: Any) -> Callable[..., None]:
    def add(name: str, text: str, **options: Any) -> None:
        is_shown = options.get("default") not in (None, [])
        if "type" in options:
            options.setdefault("metavar", "FILE" if options["type"] is Path else "NUMBER")
        group.add_argument(name, help=text + " (default: %(default)s)" * is_shown, **options)

    return add


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; give a folder or a hub id")
    return text
