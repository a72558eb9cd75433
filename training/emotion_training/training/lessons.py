"""What a network learns from: texts, each with the probabilities that it shall give. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion_training.data import Example


@dataclass(frozen=True, eq=False)
class Lesson:
    """One text to learn from.

    Attributes:
        text: not empty.
        target: (num_labels,) float32, the probabilities to learn; their sum is 1.
        source: the file that it was read from.
    """

    text: str = field(repr=False)
    target: NDArray[np.float32]
    source: str = ""


def teach(
    examples: Sequence[Example],
    *,
    labels: Sequence[str],
    smoothing: float,
    answers: NDArray[np.float32],
    share: float,
) -> list[Lesson]:
    """Returns a lesson for each example: its label, mixed with the teacher's answer.

    Learning the mixture is learning from both losses, weighted (Hinton, Vinyals and Dean,
    "Distilling the Knowledge in a Neural Network", 2015): cross entropy is linear in its target.

    Args:
        examples: labelled texts.
        labels: every label, in the order of the network's outputs.
        smoothing: share of a label's probability that is spread over all labels, 0 to 1.
        answers: (num_examples, num_labels), the teacher's probabilities.
        share: of the teacher in the mixture, 0 to 1.
    """
    index = {label: i for i, label in enumerate(labels)}
    truth = np.eye(len(labels))[[index[example.label] for example in examples]]
    smooth = (1 - smoothing) * truth + smoothing / len(labels)
    targets = ((1 - share) * smooth + share * answers).astype(np.float32)
    return [Lesson(x.text, y, x.source) for x, y in zip(examples, targets, strict=True)]
