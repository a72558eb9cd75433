"""The head of a teacher without one: logistic regression on the features of a frozen encoder.

An encoder that stays as it is keeps what it knows of kinds of text that the labelled ones lack
(Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution",
ICLR 2022), and its features are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion_training.training.calibration import fit_temperature

NUM_FOLDS = 5
# Inverse strength of regularization, for features of length SCALE. With 1 instead of 0.1 fewer
# answers to old poems are right: 0.48 instead of 0.55 of 96 (all-mpnet-base-v2, 2026-11-28).
STRENGTH, SCALE = 0.1, 5.3


@dataclass(frozen=True, eq=False)
class Head:
    """Reads probabilities off features.

    Attributes:
        model: a fitted LogisticRegression.
        temperature: its logits are divided by it on texts of other kinds than it was fitted on.
    """

    model: Any
    temperature: float

    def answer(self, features: NDArray[Any]) -> NDArray[np.float32]:
        """Returns probabilities (num_texts, num_labels) for texts of any kind."""
        return soften(read_logits(self.model, features), temperature=self.temperature)


def fit_head(
    features: NDArray[Any], *, truth: NDArray[Any], kinds: Sequence[str]
) -> tuple[Head, NDArray[np.float32]]:
    """Fits a head.

    Args:
        features: (num_texts, hidden_size).
        truth: (num_texts,) int, index of the label; every label occurs at least twice.
        kinds: the kind of each text, such as the file it is from. The temperature is fitted on
            each kind by a head that was fitted on the others, so that it holds for further kinds;
            with one kind, by heads that were fitted on other texts of it.

    Returns:
        The head, and the probabilities (num_texts, num_labels) of the given texts: each by a head
        that was fitted on others.
    """
    kind_of, rng = np.asarray(kinds), np.random.default_rng(0)
    folds = rng.permutation(len(truth)) % NUM_FOLDS  # (num_texts,)
    unseen = read_held_out(features, truth=truth, groups=folds)
    names, sizes = np.unique(kind_of, return_counts=True)
    if len(names) > 1:
        logits = read_held_out(features, truth=truth, groups=kind_of)
        share = {name: 1 / size for name, size in zip(names, sizes, strict=True)}
        weights = np.array([share[kind] for kind in kinds])  # each kind weighs the same
    else:
        logits, weights = unseen, np.ones(len(truth))
    head = Head(
        model=fit(features, truth=truth),
        temperature=fit_temperature(logits, truth=truth, weights=weights),
    )
    return head, soften(unseen, temperature=fit_temperature(unseen, truth=truth))


def read_held_out(
    features: NDArray[Any], *, truth: NDArray[Any], groups: NDArray[Any]
) -> NDArray[np.float64]:
    """Returns the logits of each group's texts, read by a head that was fitted on the others.

    They are 0 for labels that the others lack.
    """
    logits = np.zeros((len(truth), truth.max() + 1))
    for group in np.unique(groups):
        is_held = groups == group
        if len(np.unique(truth[~is_held])) < 2:
            continue
        model = fit(features[~is_held], truth=truth[~is_held])
        logits[np.ix_(is_held, model.classes_)] = read_logits(model, features[is_held])
    return logits


def fit(features: NDArray[Any], *, truth: NDArray[Any]) -> Any:
    """Returns a fitted LogisticRegression."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=STRENGTH, max_iter=200, tol=1e-3).fit(SCALE * features, truth)


def read_logits(model: Any, features: NDArray[Any]) -> NDArray[np.float64]:
    """Returns (num_texts, num_labels)."""
    logits: NDArray[np.float64] = model.decision_function(SCALE * features)
    if logits.ndim == 1:  # two labels: the logit of the second against the first
        return np.stack([-logits / 2, logits / 2], axis=1)
    return logits


def soften(logits: NDArray[Any], *, temperature: float) -> NDArray[np.float32]:
    """Returns softmax(logits / temperature)."""
    from scipy.special import softmax

    probabilities: NDArray[np.float32] = softmax(logits / temperature, axis=1).astype(np.float32)
    return probabilities
