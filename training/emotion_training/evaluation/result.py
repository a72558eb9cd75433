"""The result of an evaluation: what is printed, and what is written. Neither holds a text."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion_training.data import DataFile, list_labels
from emotion_training.evaluation.evaluated_model import ModelFacts
from emotion_training.evaluation.plots import draw_confusion, draw_reliability
from emotion_training.evaluation.scores import Scores

FILES = ("metrics.json", "predictions.jsonl", "confusion.png", "reliability.png")
PACKAGES = ("numpy", "scikit-learn", "tokenizers", "torch", "transformers", "tritonclient")


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The result of an evaluation.

    Attributes:
        model: what was evaluated.
        data: the file of labelled texts.
        truth: (num_texts,) int64, index of the true label, in the order of the file.
        probabilities: (num_texts, num_labels) float32, likewise.
        scores: their comparison.
        metrics: by the names that Hugging Face's Trainer gives them.
    """

    model: ModelFacts
    data: DataFile
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    scores: Scores
    metrics: dict[str, float]


def summarize(metrics: Mapping[str, float], *, scores: Scores) -> str:
    """Returns the metrics on one line, the classification report, and the calibration error.

    Args:
        metrics: by the names that Hugging Face's Trainer gives them.
        scores: of the same texts. Labels that its averages leave out are named.
    """
    lines = [str({name: round(value, 4) for name, value in metrics.items()}), "", scores.report]
    if scores.absent_labels:
        absent = list_labels(scores.absent_labels)
        lines.append(f"neither in the data nor predicted, so not in the averages: {absent}")
    return "\n".join([*lines, f"expected calibration error: {scores.calibration_error:.4f}"])


def build_document(evaluation: Evaluation) -> dict[str, Any]:
    """Returns the content of metrics.json."""
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
    """Yields name and version of the packages that are installed."""
    for package in packages:
        with suppress(importlib.metadata.PackageNotFoundError):
            yield package, importlib.metadata.version(package)


def build_predictions(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    """Yields the content of predictions.jsonl: the row in the data and the labels of each text."""
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
    """Returns the content of each of `FILES`; takes seconds with many labels."""
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
    """Writes all files, and puts them in place once all are complete; other files stay."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".new-") as scratch:
        new = Path(scratch)
        for name, content in files.items():
            (new / name).write_bytes(content)
        for name in files:
            (new / name).replace(folder / name)


def _to_json(document: dict[str, Any], *, indent: int | None = None) -> str:
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False)
