"""An engine that takes texts: tokenizer, labels and engine of a checkpoint."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers.padding import Row
from tokenizers import Tokenizer

MAX_BATCH_SIZE = 64
NUM_CALIBRATION_ROWS = 128
Answer = dict[str, str | float]


@dataclass(frozen=True)
class TextClassifier:
    """An engine that takes texts.

    Attributes:
        tokenizer: which truncates.
        labels: in the order of the probabilities.
        engine: of `peers.batching_engine`.
    """

    tokenizer: Any
    labels: list[str]
    engine: Any

    def predict(self, texts: Sequence[str]) -> list[Answer]:
        """Returns label and score of each text."""
        probabilities: NDArray[np.float32] = self.engine.predict(encode(self.tokenizer, texts))
        scores, best = probabilities.max(axis=1), probabilities.argmax(axis=1)
        return [
            {"label": self.labels[i], "score": score}
            for i, score in zip(best.tolist(), scores.tolist(), strict=True)
        ]


def encode(tokenizer: Any, texts: Sequence[str]) -> list[Row]:
    """Returns the ids of each text."""
    return [each.ids for each in tokenizer.encode_batch_fast(list(texts))]


def load_tokenizer(checkpoint: Path) -> Any:
    """Returns the fast tokenizer of a checkpoint, with truncation at its model_max_length."""
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_read(checkpoint / "tokenizer_config.json")["model_max_length"])
    return tokenizer


def load_classifier(
    checkpoint: Path, *, engine: str, kind: str, calibration: Path, folder: Path
) -> TextClassifier:
    """Loads an engine, and tunes it on rows like those of the load: short and long ones.

    Args:
        checkpoint: folder of the model.
        engine: name of the engine's folder.
        kind: what it computes in, as it calls it.
        calibration: file of typical texts (JSONL).
        folder: for the exported model.
    """
    tokenizer = load_tokenizer(checkpoint)
    lines = calibration.read_text(encoding="utf-8").splitlines()
    texts = [str(json.loads(line)["text"]) for line in lines]
    opened = import_module(f"peers.{engine}.engine").open_engine(
        checkpoint,
        kind=kind,
        num_threads=len(os.sched_getaffinity(0)),
        folder=folder,
        calibration=encode(tokenizer, texts[:NUM_CALIBRATION_ROWS]),
    )
    opened.tune(encode(tokenizer, join_texts(texts)))
    opened.drop_unused()
    labels = _read(checkpoint / "config.json")["id2label"]
    return TextClassifier(tokenizer, [labels[str(i)] for i in range(len(labels))], opened)


def join_texts(texts: Sequence[str]) -> list[str]:
    """Returns a batch of lyrics: one to four of the texts each."""
    rng = random.Random(1)  # noqa: S311 - no secret
    return ["\n\n".join(rng.choices(texts, k=1 + i % 4)) for i in range(MAX_BATCH_SIZE)]


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
