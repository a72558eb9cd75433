"""What `train.py` is asked to do: its command line, and the options with every default resolved."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from base_model import BASE_NAME
from data_file import spell_name

LORA_LEARNING_RATE, FULL_LEARNING_RATE = 1e-3, 5e-5
DESCRIPTION = "Train a text classifier on labelled texts: an adapter on a base model, or all of it."
EPILOG = """\
Data are CSV, TSV, JSONL or Parquet, told by the suffix, in UTF-8. With a header
  lyrics,mood
  "Tears fall on my letter",sadness
the columns are named, and the labels are whatever the label column has:
  python scripts/train.py --train mine.csv --text-column lyrics --label-column mood \\
      --output checkpoints/mine
Without a header they are counted: --text-column 1 --label-column 2.

Then build the served checkpoint:
  python scripts/prepare_model.py --model checkpoints/mine

Ctrl-C stops; the same command with --resume goes on after the last whole epoch."""


@dataclass(frozen=True)
class Recipe:
    """The options of `train.py`, each under its own name; `train.py --help` explains them.

    Attributes:
        base: hub id, or absolute path of a folder.
        output: absolute path.
        learning_rate: the peak, of LoRA or of a full fine-tune.
    """

    train: tuple[Path, ...]
    validation: Path | None
    validation_share: float
    test: Path | None
    text_column: str
    label_column: str
    strict: bool
    output: Path
    base: str
    full: bool
    rank: int
    max_length: int
    epochs: int
    patience: int
    members: int
    learning_rate: float
    batch_size: int
    class_weights: str
    label_smoothing: float
    verses: float
    seed: int

    @property
    def base_name(self) -> str:
        """The base without the folder that it lies in."""
        return Path(self.base).name if Path(self.base).is_absolute() else self.base

    def files(self) -> list[tuple[str, Path]]:
        """Returns the data files, each with the split that it is for."""
        others = [("validation", self.validation), ("test", self.test)]
        return [("train", path) for path in self.train] + [(x, path) for x, path in others if path]

    def describe(self) -> dict[str, Any]:
        """Returns the options as JSON values; data files and output without their folders."""
        return {
            **asdict(self),
            "train": [spell_name(path) for path in self.train],
            "validation": self.validation and spell_name(self.validation),
            "test": self.test and spell_name(self.test),
            "output": self.output.name,
        }


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_data_options(parser)
    add_network_options(parser)
    add_schedule_options(parser)
    return parser.parse_args(argv)


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Adds what is read and written."""
    add = _adder(parser.add_argument_group("data"))
    add(
        "--train",
        "training data; several files are put together",
        type=Path,
        nargs="+",
        action="extend",
        required=True,
    )
    add("--validation", "data for early stopping and calibration", type=Path)
    share = "of the training data to hold out of each label where there is no --validation"
    add("--validation-share", share, type=_number(float, low=0.001, high=0.9), default=0.1)
    add("--test", "data to measure at the end, and for nothing else", type=Path)
    column = "its name, or its number from 1 where there is no header"
    add("--text-column", column, default="text", metavar="NAME")
    add("--label-column", "likewise", default="label", metavar="NAME")
    strict = "refuse texts that two splits share; else they are dropped from the training side"
    add("--strict", strict, action="store_true")
    output = "folder to write; one that train.py wrote before is replaced, but for your README.md"
    add("--output", output, type=Path, metavar="FOLDER", required=True)
    add("--resume", "go on with OUTPUT.unfinished", action="store_true")


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """Adds what is trained."""
    add = _adder(parser.add_argument_group("network"))
    base = f"folder or hub id of an encoder such as BERT or ModernBERT; {BASE_NAME} if not given"
    add("--base", base, type=_name, metavar="MODEL")
    full = "train all weights and write a whole checkpoint; else a LoRA adapter of a few MB"
    add("--full", full, action="store_true")
    add("--rank", "of LoRA's matrices", type=_number(int, low=1, high=384), default=16)
    length = "tokens that a text is cut to"
    add("--max-length", length, type=_number(int, low=3, high=8192), default=128)


def add_schedule_options(parser: argparse.ArgumentParser) -> None:
    """Adds how it is trained."""
    add = _adder(parser.add_argument_group("training"))
    add("--epochs", "most passes over the data", type=_number(int, low=1, high=1000), default=4)
    patience = "epochs without a better macro F1 on the validation data before it stops"
    add("--patience", patience, type=_number(int, low=1, high=1000), default=2)
    members = "trainings, each with another order of the data, whose weights are averaged"
    add("--members", members, type=_number(int, low=1, high=16), default=1)
    rate = f"its peak; {LORA_LEARNING_RATE} if not given, with --full {FULL_LEARNING_RATE}"
    add("--learning-rate", rate, type=_number(float, low=1e-7, high=1))
    add("--batch-size", "texts in a step", type=_number(int, low=1, high=4096), default=32)
    weights = "balanced: weigh the loss by each label's inverse frequency"
    add("--class-weights", weights, choices=("none", "balanced"), default="none")
    smoothing = "share of the truth that is spread over all labels"
    add("--label-smoothing", smoothing, type=_number(float, low=0, high=0.9), default=0.0)
    verses = "verses to add for each text of one line, joined of 2 to 4 such texts of one label"
    add("--verses", verses, type=_number(float, low=0, high=10), default=0.0)
    add("--seed", "of every random choice", type=_number(int, low=0, high=2**32 - 1), default=0)


def _adder(group: Any) -> Callable[..., None]:
    def add(name: str, text: str, **options: Any) -> None:
        is_shown = options.get("default") is not None
        if "type" in options:
            options.setdefault("metavar", "FILE" if options["type"] is Path else "NUMBER")
        group.add_argument(name, help=text + " (default: %(default)s)" * is_shown, **options)

    return add


def _name(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; give a folder or a hub id")
    return text


def _number(kind: type, *, low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if not low <= kind(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is outside {low} to {high}")
        return kind(text)

    parse.__name__ = kind.__name__  # argparse says "invalid int value"
    return parse


def resolve(args: argparse.Namespace) -> Recipe:
    """Returns the options with every default put in."""
    options = {name: value for name, value in vars(args).items() if name != "resume"}
    base, rate = args.base or BASE_NAME, args.learning_rate
    return Recipe(
        **{
            **options,
            "train": tuple(args.train),
            "base": str(Path(base).resolve()) if Path(base).is_dir() else base,
            "learning_rate": rate or (FULL_LEARNING_RATE if args.full else LORA_LEARNING_RATE),
            "output": args.output.resolve(),
        }
    )
