"""How good predictions are: every metric that training and evaluation report.

Arrays in, values out; nothing here reads, writes or prints. Counts, precision, recall, F1 and the
report are scikit-learn's; the calibration error is not in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15
REPORT_DIGITS = 4
# A float32 probability of 0 has no logarithm; this is the smallest one that has. scikit-learn's
# log_loss would cut off at 2.2e-16.
MIN_PROBABILITY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class LabelScores:
    """How well one label is recognized.

    Attributes:
        label: its name.
        precision: share of its predictions that are right; 0 without predictions.
        recall: share of its texts that are predicted so; 0 without texts.
        f1: harmonic mean of the two; 0 if either is.
        support: number of its texts.
    """

    label: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Bin:
    """The texts whose confidence is above `low` and at most `high`.

    Attributes:
        low: lower edge.
        high: upper edge.
        count: number of texts.
        confidence: their mean confidence; None without texts.
        accuracy: share of right predictions; None without texts.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Scores:
    """How good predictions are; everything but the loss is 0 to 1.

    Attributes:
        labels: label names, in the order of the probabilities.
        loss: mean negative log-likelihood of the true label, in nats.
        macro_f1: mean F1 of the labels that occur in truth or prediction.
        weighted_f1: mean F1 weighted by support.
        accuracy: share of texts whose most probable label is the true one.
        calibration_error: mean distance between confidence and accuracy over `bins`, weighted by
            their counts: the expected calibration error of Naeini et al., "Obtaining Well
            Calibrated Probabilities Using Bayesian Binning" (AAAI 2015), with the bins of Guo et
            al., "On Calibration of Modern Neural Networks" (ICML 2017).
        confusion: (num_labels, num_labels) int64, number of texts; a row is a true label, a
            column a predicted one.
        bins: texts by confidence, `NUM_BINS` bins of equal width from 0 to 1.
        per_label: every label of `labels`.
        absent_labels: those in neither truth nor prediction, left out of macro F1 and report.
        report: scikit-learn's classification report of the other labels.
    """

    labels: tuple[str, ...]
    loss: float
    macro_f1: float
    weighted_f1: float
    accuracy: float
    calibration_error: float
    confusion: NDArray[np.int64]
    bins: tuple[Bin, ...]
    per_label: tuple[LabelScores, ...]
    absent_labels: tuple[str, ...]
    report: str


def score(probabilities: NDArray[Any], *, truth: NDArray[Any], labels: Sequence[str]) -> Scores:
    """Compares predictions with the truth.

    Macro F1 is that of `sklearn.metrics.f1_score(truth, predicted, average="macro")`: the mean over
    the labels that occur in truth or prediction. With `labels=range(num_labels)` it would count a
    label that occurs in neither as 0, so that a file without surprise could not reach more than
    5/6, even if every prediction is right.

    Args:
        probabilities: (num_texts, num_labels) float, a row sums to 1. The highest is the
            prediction; of equal ones the first.
        truth: (num_texts,) int, index of the true label.
        labels: (num_labels,) names.

    Raises:
        ValueError: the shapes do not match, there is no text, a probability is not 0 to 1, or an
            index is not that of a label.
    """
    from sklearn import metrics

    exact = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(truth)
    check_arrays(exact, truth=truth, num_labels=len(labels))
    predicted = exact.argmax(axis=1)  # (num_texts,)
    is_right = predicted == truth
    indices = range(len(labels))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        truth, predicted, labels=indices, zero_division=0
    )  # each (num_labels,)
    occurring = np.union1d(truth, predicted)
    bins = bin_confidences(exact.max(axis=1), is_right=is_right)
    return Scores(
        labels=tuple(labels),
        loss=mean_loss(exact, truth=truth),
        macro_f1=float(f1[occurring].mean()),
        weighted_f1=float(np.average(f1, weights=support)),
        accuracy=float(is_right.mean()),
        calibration_error=expected_calibration_error(bins),
        confusion=metrics.confusion_matrix(truth, predicted, labels=indices),
        bins=bins,
        per_label=tuple(
            LabelScores(label, float(precision[i]), float(recall[i]), float(f1[i]), int(support[i]))
            for i, label in enumerate(labels)
        ),
        absent_labels=tuple(label for i, label in enumerate(labels) if i not in occurring),
        report=metrics.classification_report(
            truth,
            predicted,
            labels=occurring,
            target_names=[labels[i] for i in occurring],
            digits=REPORT_DIGITS,
            zero_division=0,
        ),
    )


def check_arrays(
    probabilities: NDArray[np.float64], *, truth: NDArray[Any], num_labels: int
) -> None:
    """Refuses what cannot be scored.

    Raises:
        ValueError: see `score`.
    """
    if len(truth) == 0:
        raise ValueError("there are 0 texts; at least 1 is needed")
    if probabilities.shape != (len(truth), num_labels):
        raise ValueError(
            f"probabilities have the shape {probabilities.shape}; {len(truth)} texts and "
            f"{num_labels} labels need {(len(truth), num_labels)}"
        )
    is_bad = ~((probabilities >= 0) & (probabilities <= 1 + 1e-6))  # nan is bad too
    if is_bad.any():
        row, column = np.argwhere(is_bad)[0]
        value = probabilities[row, column]
        raise ValueError(f"text {row + 1} has the probability {value}; it must be 0 to 1")
    if truth.min() < 0 or truth.max() >= num_labels:
        raise ValueError(f"truth is {truth.min()} to {truth.max()}; {num_labels} labels are known")


def bin_confidences(
    confidences: NDArray[np.float64], *, is_right: NDArray[np.bool_]
) -> tuple[Bin, ...]:
    """Returns the texts by confidence; both arrays are (num_texts,)."""
    edges = np.linspace(0, 1, NUM_BINS + 1)
    index = np.digitize(confidences, edges[1:-1], right=True)  # low < confidence <= high
    members = [np.flatnonzero(index == i) for i in range(NUM_BINS)]
    return tuple(
        Bin(
            low=float(edges[i]),
            high=float(edges[i + 1]),
            count=len(rows),
            confidence=float(confidences[rows].mean()) if len(rows) else None,
            accuracy=float(is_right[rows].mean()) if len(rows) else None,
        )
        for i, rows in enumerate(members)
    )


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Returns the mean distance between confidence and accuracy, weighted by the bins' counts."""
    distances = [
        each.count * abs(each.accuracy - each.confidence)
        for each in bins
        if each.accuracy is not None and each.confidence is not None
    ]
    return float(sum(distances) / sum(each.count for each in bins))


def mean_loss(probabilities: NDArray[np.float64], *, truth: NDArray[Any]) -> float:
    """Returns the mean negative log-likelihood of the true labels, in nats."""
    of_truth = probabilities[np.arange(len(truth)), truth]  # (num_texts,)
    return float(-np.log(of_truth.clip(MIN_PROBABILITY, 1)).mean()) + 0.0  # no -0.0
