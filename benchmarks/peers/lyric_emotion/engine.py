"""This project's own engine, which needs no padding and no tuning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.settings import EngineSettings
from numpy.typing import NDArray
from peers.batching_engine import Engine
from peers.padding import Row


@dataclass(frozen=True)
class OwnEngine:
    """Our classifier.

    Attributes:
        classifier: loaded and warm.
        num_threads: of a forward pass.
    """

    classifier: Classifier
    num_threads: int

    def __str__(self) -> str:
        return f"{self.num_threads} threads, no padding"

    def tune(self, rows: Sequence[Row]) -> None:
        """Does nothing: there is nothing to choose."""

    def predict(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Returns the probabilities of each row, (num_rows, num_labels)."""
        arrays = [np.array(row, dtype=np.int64) for row in rows]
        return self.classifier.predict(arrays).probabilities


def open_engine(
    checkpoint: Path, *, kind: str, num_threads: int, folder: Path, calibration: Sequence[Row]
) -> Engine:
    """Loads a prepared checkpoint.

    Args:
        checkpoint: its folder.
        kind: "float32" or "bfloat16", with the processor's best instructions, or "float32 with
            AVX2".
        num_threads: of a forward pass.
        folder: not used.
        calibration: not used.
    """
    dtype, _, instructions = kind.partition(" with ")
    encoder = f"native-{instructions.lower()}" if instructions else "auto"
    settings = EngineSettings(dtype=dtype, encoder=encoder, num_threads=num_threads)
    classifier = Classifier.load(read_checkpoint(checkpoint), settings=settings)
    classifier.warm_up()
    return OwnEngine(classifier, num_threads)
