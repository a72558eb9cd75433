"""What train.py is asked for, with every default resolved."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emotion_training.checkpoint.base_model import BASE_NAME
from emotion_training.data import spell_name
from emotion_training.errors import DataError

LORA_LEARNING_RATE, FULL_LEARNING_RATE = 1e-3, 5e-5


@dataclass(frozen=True)
class Recipe:
    """The options of train.py by their names; `train.py --help` explains them.

    Attributes:
        base: hub id, or absolute path of a folder.
        output: absolute path.
        start, teacher: absolute paths of folders.
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
    start: Path | None
    start_share: float
    rank: int
    max_length: int
    epochs: int
    patience: int
    members: int
    learning_rate: float
    batch_size: int
    dtype: str
    class_weights: str
    label_smoothing: float
    most_per_file: int | None
    verses: float
    seed: int
    teacher: Path | None
    unlabelled: tuple[Path, ...]
    teacher_share: float

    @property
    def base_name(self) -> str:
        """The base without the path of its folder."""
        return Path(self.base).name if Path(self.base).is_absolute() else self.base

    def files(self) -> list[tuple[str, Path]]:
        """Returns the labelled data files, each with its split."""
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
            "start": self.start and self.start.name,
            "teacher": self.teacher and self.teacher.name,
            "unlabelled": [spell_name(path) for path in self.unlabelled],
        }


def resolve(args: argparse.Namespace) -> Recipe:
    """Returns the options with every default put in.

    Raises:
        DataError: the output is a link that leads to itself, or an option lacks another one or does
            not go with it.
        OSError: a name is too long.
    """
    options = {name: value for name, value in vars(args).items() if name != "resume"}
    base, rate = args.base or BASE_NAME, args.learning_rate
    try:
        output = args.output.resolve()
    except RuntimeError as error:
        raise DataError(f"--output {args.output}: leads to itself; name another folder") from error
    if args.start and args.full:
        raise DataError("--start: is for adapters; give --base with --full")
    if args.start_share and not args.start:
        raise DataError("--start-share: needs --start; add it")
    if args.unlabelled and not args.teacher:
        raise DataError("--unlabelled: needs --teacher, which labels the texts; add it")
    return Recipe(
        **{
            **options,
            "train": tuple(args.train),
            "base": str(Path(base).resolve()) if Path(base).is_dir() else base,
            "learning_rate": rate or (FULL_LEARNING_RATE if args.full else LORA_LEARNING_RATE),
            "output": output,
            "start": args.start and args.start.resolve(),
            "teacher": args.teacher and args.teacher.resolve(),
            "unlabelled": tuple(args.unlabelled),
        }
    )
