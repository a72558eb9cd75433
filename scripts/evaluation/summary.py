"""What is printed of a measurement, by training and evaluation alike."""

from __future__ import annotations

from collections.abc import Mapping

from examples import list_labels

from evaluation.scores import Scores


def summarize(metrics: Mapping[str, float], *, scores: Scores) -> str:
    """Returns the metrics on one line, the classification report, and the calibration error.

    Args:
        metrics: by the names that Hugging Face's Trainer gives them.
        scores: of the same measurement. Labels that none of its averages counts are named.
    """
    lines = [str({name: round(value, 4) for name, value in metrics.items()}), "", scores.report()]
    if scores.absent_labels:
        absent = list_labels(scores.absent_labels)
        lines.append(f"neither in the data nor predicted, so in none of the averages: {absent}")
    return "\n".join([*lines, f"expected calibration error: {scores.calibration_error:.4f}"])
