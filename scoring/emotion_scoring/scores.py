"""The scores of texts, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

SCORE_PREFIX = "score_"


@dataclass(frozen=True)
class Scores:
    """The scores of some texts, in their order.

    Attributes:
        labels: in the order of the columns of `probabilities`.
        revision: of the checkpoint, 64 hex digits.
        probabilities: (num_texts, num_labels) float32; NaN for a text with an error.
        truncated: (num_texts,) bool, whether a text was longer than the model reads.
        errors: why a text has no scores; None for the others.
    """

    labels: tuple[str, ...]
    revision: str
    probabilities: NDArray[np.float32]
    truncated: NDArray[np.bool_]
    errors: list[str | None]

    def __len__(self) -> int:
        return len(self.errors)

    @property
    def is_bad(self) -> NDArray[np.bool_]:
        """(num_texts,) bool, whether a text has an error instead of scores."""
        return np.array([error is not None for error in self.errors], dtype=bool)

    def take(self, start: int, stop: int) -> Scores:
        """Returns the scores of the texts from `start` until before `stop`."""
        span = slice(start, stop)
        return replace(
            self,
            probabilities=self.probabilities[span],
            truncated=self.truncated[span],
            errors=self.errors[span],
        )

    def to_arrays(self, *, prefix: str = "") -> dict[str, NDArray[Any]]:
        """Returns the columns that scoring adds, one for each label among them.

        For a text with an error, label and revision are None, confidence and scores NaN, and
        `truncated` is false.

        Args:
            prefix: of the name of each column.
        """
        is_bad = self.is_bad
        labels = np.array([*self.labels, None], dtype=object)
        best = np.full(len(self), len(self.labels))  # (num_texts,); of a bad one None
        best[~is_bad] = self.probabilities[~is_bad].argmax(axis=1)
        confidence = np.full(len(self), np.nan, dtype=np.float32)
        confidence[~is_bad] = self.probabilities[~is_bad].max(axis=1)
        scores = {f"{SCORE_PREFIX}{x}": self.probabilities[:, i] for i, x in enumerate(self.labels)}
        columns = {
            "label": labels[best],
            "confidence": confidence,
            **scores,
            "truncated": self.truncated & ~is_bad,
            "revision": np.array([self.revision, None], dtype=object)[is_bad.astype(np.intp)],
            "error": np.array(self.errors, dtype=object),
        }
        return {f"{prefix}{name}": column for name, column in columns.items()}


def name_columns(labels: Sequence[str], *, prefix: str = "") -> list[str]:
    """Returns the names of the columns that scoring adds, in their order."""
    scores = [f"{SCORE_PREFIX}{label}" for label in labels]
    names = ["label", "confidence", *scores, "truncated", "revision", "error"]
    return [f"{prefix}{name}" for name in names]


def join(pieces: Sequence[Scores]) -> Scores:
    """Returns the scores of consecutive texts together; there is at least one piece."""
    if len(pieces) == 1:
        return pieces[0]
    return Scores(
        labels=pieces[0].labels,
        revision=pieces[0].revision,
        probabilities=np.concatenate([piece.probabilities for piece in pieces]),
        truncated=np.concatenate([piece.truncated for piece in pieces]),
        errors=[error for piece in pieces for error in piece.errors],
    )
