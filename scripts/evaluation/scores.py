"""How good predictions are: every figure that training and evaluation report.

Plain arrays in, plain values out; nothing here reads, writes or prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUM_BINS = 15
REPORT_DIGITS = 4
# A float32 probability of 0 has no logarithm; this is the smallest that has one.
MIN_PROBABILITY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class LabelScores:
    """How well one label is told apart.

    Attributes:
        label: its name.
        precision: share of right ones among the texts predicted so; 0 where there are none.
        recall: share of found ones among the texts that are so; 0 where there are none.
        f1: harmonic mean of the two; 0 where either is.
        support: number of texts that are so.
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
        accuracy: share of them that is right; None without texts.
    """

    low: float
    high: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Scores:
    """What predictions are worth, each figure 0 to 1 but for the loss.

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

    @property
    def absent_labels(self) -> tuple[str, ...]:
        """Labels in neither truth nor prediction, left out of macro F1 and report."""
        return tuple(
            label for i, label in enumerate(self.labels) if i not in find_occurring(self.confusion)
        )

    def report(self) -> str:
        """Returns scikit-learn's classification report of the labels that occur."""
        from sklearn import metrics

        occurring = find_occurring(self.confusion)
        rows, columns = np.indices(self.confusion.shape)
        counts = self.confusion.ravel()
        return str(
            metrics.classification_report(
                np.repeat(rows.ravel(), counts),  # (num_texts,), in any order
                np.repeat(columns.ravel(), counts),
                labels=occurring,
                target_names=[self.labels[i] for i in occurring],
                digits=REPORT_DIGITS,
                zero_division=0,
            )
        )


def score(probabilities: NDArray[Any], *, truth: NDArray[Any], labels: Sequence[str]) -> Scores:
    """Compares predictions with the truth.

    Macro F1 is `sklearn.metrics.f1_score(truth, predicted, average="macro", zero_division=0)`:
    over the labels that occur in truth or prediction. A label with texts and no prediction, or
    with predictions and no text, counts as 0; one with neither has no F1 and does not count.
    With `labels=range(num_labels)` scikit-learn would count it as 0 too, so that a file without
    surprise could not reach more than 5/6 however right every answer is. Where every label
    occurs the two agree.

    Args:
        probabilities: (num_texts, num_labels) float, a row sums to 1. Its highest is the
            prediction; of equal ones the first.
        truth: (num_texts,) int, index of the true label.
        labels: (num_labels,) names.

    Raises:
        ValueError: the shapes do not fit, there is no text, a probability is not 0 to 1, or an
            index is none of a label.
    """
    exact = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(truth)
    check_arrays(exact, truth=truth, num_labels=len(labels))
    predicted = exact.argmax(axis=1)  # (num_texts,)
    is_right = predicted == truth
    confusion = count_pairs(truth, predicted=predicted, num_labels=len(labels))
    per_label = score_labels(confusion, labels=labels)
    bins = bin_confidences(exact.max(axis=1), is_right=is_right)
    occurring = [per_label[i].f1 for i in find_occurring(confusion)]
    return Scores(
        labels=tuple(labels),
        loss=mean_loss(exact, truth=truth),
        macro_f1=float(np.mean(occurring)),
        weighted_f1=float(np.average([x.f1 for x in per_label], weights=confusion.sum(axis=1))),
        accuracy=float(is_right.mean()),
        calibration_error=expected_calibration_error(bins),
        confusion=confusion,
        bins=bins,
        per_label=per_label,
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


def count_pairs(
    truth: NDArray[Any], *, predicted: NDArray[Any], num_labels: int
) -> NDArray[np.int64]:
    """Returns (num_labels, num_labels) int64, texts by true row and predicted column."""
    pairs = np.bincount(truth * num_labels + predicted, minlength=num_labels**2)
    return pairs.reshape(num_labels, num_labels).astype(np.int64)


def find_occurring(confusion: NDArray[np.int64]) -> list[int]:
    """Returns the indices of the labels that occur in truth or prediction."""
    return [int(i) for i in np.flatnonzero(confusion.sum(axis=0) + confusion.sum(axis=1))]


def score_labels(confusion: NDArray[np.int64], *, labels: Sequence[str]) -> tuple[LabelScores, ...]:
    """Returns precision, recall and F1 of every label; 0 divided by 0 is 0, as in the report."""
    num_right = np.diag(confusion)
    num_predicted, support = confusion.sum(axis=0), confusion.sum(axis=1)
    return tuple(
        LabelScores(
            label=label,
            precision=_divide(num_right[i], num_predicted[i]),
            recall=_divide(num_right[i], support[i]),
            f1=_divide(2 * num_right[i], num_predicted[i] + support[i]),
            support=int(support[i]),
        )
        for i, label in enumerate(labels)
    )


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


def _divide(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else 0.0
