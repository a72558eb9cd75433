"""What an evaluation found, and the files that keep it. None of them holds a text."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from data_file import DataFile
from numpy.typing import NDArray

from evaluation.evaluated_model import ModelFacts
from evaluation.figures import draw_confusion, draw_reliability
from evaluation.scores import Scores

FILES = ("metrics.json", "predictions.jsonl", "confusion.png", "reliability.png")
PACKAGES = ("numpy", "scikit-learn", "tokenizers", "torch", "transformers", "tritonclient")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What an evaluation found.

    Attributes:
        model: what was asked.
        data: what it was asked about.
        truth: (num_texts,) int64, index of the true label, in the order of the data.
        probabilities: (num_texts, num_labels) float32, likewise.
        scores: what they are worth.
        metrics: figures under the names of Hugging Face's Trainer.
    """

    model: ModelFacts
    data: DataFile
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    scores: Scores
    metrics: dict[str, float]


def build_document(evaluation: Evaluation) -> dict[str, Any]:
    """Returns what metrics.json holds."""
    scores = evaluation.scores
    return {
        "metrics": evaluation.metrics,
        "accuracy": scores.accuracy,
        "calibration_error": scores.calibration_error,
        "labels": scores.labels,
        "per_label": [asdict(each) for each in scores.per_label],
        "confusion": scores.confusion.tolist(),
        "reliability": [asdict(each) for each in scores.bins],
        "data": asdict(evaluation.data),
        "model": asdict(evaluation.model),
        "versions": {"python": platform.python_version(), **dict(find_versions(PACKAGES))},
    }


def find_versions(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields name and version of those that are installed."""
    for package in packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield package, importlib.metadata.version(package)


def build_predictions(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Yields what predictions.jsonl holds of each text: its row in the data, and its labels."""
    labels = evaluation.scores.labels
    pairs = zip(evaluation.truth, evaluation.probabilities, strict=True)
    for row, (truth, probabilities) in enumerate(pairs, start=1):
        values = [float(f"{value:.6g}") for value in probabilities]
        yield {
            "row": row,
            "true": labels[truth],
            "predicted": labels[probabilities.argmax()],
            "confidence": max(values),
            "scores": dict(zip(labels, values, strict=True)),
        }


def build_files(evaluation: Evaluation) -> dict[str, bytes]:
    """Returns the content of each of `FILES`, which takes seconds with many labels."""
    lines = "".join(f"{_to_json(each)}\n" for each in build_predictions(evaluation))
    with tempfile.TemporaryDirectory() as scratch:
        confusion, reliability = Path(scratch, "confusion.png"), Path(scratch, "reliability.png")
        draw_confusion(evaluation.scores, path=confusion)
        draw_reliability(evaluation.scores, path=reliability)
        return {
            "metrics.json": f"{_to_json(build_document(evaluation), indent=2)}\n".encode(),
            "predictions.jsonl": lines.encode(),
            confusion.name: confusion.read_bytes(),
            reliability.name: reliability.read_bytes(),
        }


def write(files: dict[str, bytes], *, folder: Path) -> None:
    """Writes all files, and puts them in place when all are complete; others there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
        new = Path(scratch)
        for name, content in files.items():
            (new / name).write_bytes(content)
        for name in files:
            (new / name).replace(folder / name)


def _to_json(document: dict[str, Any], *, indent: int | None = None) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
