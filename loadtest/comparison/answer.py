"""What a server says of a text, and whether it is what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# bfloat16 moves probabilities by up to 0.03, so two labels that are closer may change places.
MAX_DIFFERENCE = 0.06


@dataclass(frozen=True)
class Answer:
    """The emotion of one text.

    Attributes:
        label: the most probable one.
        confidence: its probability, 0 to 1.
    """

    label: str
    confidence: float


def count_wrong(
    answers: Sequence[Answer], *, probabilities: NDArray[np.float32], labels: Sequence[str]
) -> int:
    """Returns how many answers are not the model's.

    Args:
        answers: one for each text.
        probabilities: (num_texts, num_labels) float32, the model's own in float32.
        labels: in the order of the probabilities.
    """
    rows = zip(answers, probabilities.tolist(), strict=True)
    return sum(not is_right(each, dict(zip(labels, row, strict=True))) for each, row in rows)


def is_right(answer: Answer, wanted: dict[str, float]) -> bool:
    """Returns whether an answer is one that rounding can make of the model's.

    Args:
        answer: what was said.
        wanted: probability by label.
    """
    own = wanted.get(answer.label)
    return (
        own is not None
        and max(wanted.values()) - own <= MAX_DIFFERENCE
        and abs(answer.confidence - own) <= MAX_DIFFERENCE
    )
