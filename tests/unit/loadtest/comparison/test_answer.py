"""Which answers are the model's."""

from __future__ import annotations

import numpy as np
import pytest
from comparison.answer import Answer, count_wrong, is_right

LABELS = ("calm", "storm", "rain")


@pytest.mark.parametrize(
    ("answer", "wanted", "expected"),
    [
        (Answer("calm", 0.9), (0.9, 0.06, 0.04), True),
        (Answer("calm", 0.85), (0.9, 0.06, 0.04), True),
        (Answer("calm", 0.7), (0.9, 0.06, 0.04), False),
        (Answer("storm", 0.06), (0.9, 0.06, 0.04), False),
        (Answer("storm", 0.48), (0.5, 0.46, 0.04), True),
        (Answer("LABEL_0", 0.9), (0.9, 0.06, 0.04), False),
    ],
    ids=["same", "rounded", "other-confidence", "other-label", "near-tie", "unknown-label"],
)
def test_is_right_allows_what_rounding_does(
    answer: Answer, wanted: tuple[float, ...], expected: bool
) -> None:
    assert is_right(answer, dict(zip(LABELS, wanted, strict=True))) is expected


def test_count_wrong_compares_row_by_row() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.1, 0.9, 0]], dtype=np.float32)
    answers = [Answer("calm", 0.9), Answer("calm", 0.1)]
    assert count_wrong(answers, probabilities=probabilities, labels=LABELS) == 1
