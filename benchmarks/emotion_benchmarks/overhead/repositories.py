"""Copies of the model repository with one part replaced."""

from __future__ import annotations

import shutil
from pathlib import Path

from emotion_command.checkout import CHECKPOINT, REPOSITORY
from emotion_engine.checkpoint import Checkpoint

from emotion_benchmarks.random_checkpoint import write_random

EMPTY_MODEL = Path(__file__).parent / "empty_model.py"
VERSION = Path("emotion", "1")


def build_empty_repository(folder: Path) -> Path:
    """Returns a copy, made in a folder, whose `emotion` computes nothing."""
    repository = _copy(folder)
    (repository / VERSION / "checkpoint").symlink_to(CHECKPOINT)
    shutil.copyfile(EMPTY_MODEL, repository / VERSION / "model.py")
    return repository


def build_distilbert_repository(folder: Path, *, checkpoint: Checkpoint) -> Path:
    """Returns a copy, made in a folder, that serves a DistilBERT with random weights.

    Args:
        folder: where to make it.
        checkpoint: whose tokenizer, labels and max_length it has.
    """
    from transformers import DistilBertConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    repository = _copy(folder)
    config = DistilBertConfig(vocab_size=checkpoint.vocab_size)
    write_random(config, like=checkpoint, folder=repository / VERSION / "checkpoint")
    return repository


def _copy(folder: Path) -> Path:
    repository = folder / "model_repository"
    return Path(
        shutil.copytree(
            REPOSITORY, repository, ignore=shutil.ignore_patterns("checkpoint", "__pycache__")
        )
    )
