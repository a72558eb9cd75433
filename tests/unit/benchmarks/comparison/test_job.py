"""Which answers are right."""

from types import SimpleNamespace

import numpy as np
import pytest
from emotion_benchmarks.comparison.exchange import Answer
from emotion_benchmarks.comparison.job import Check, Job, is_right

LABELS = ("calm", "storm", "rain")


@pytest.mark.parametrize(
    ("answer", "wanted", "expected"),
    [
        pytest.param(Answer("calm", 0.9), (0.9, 0.06, 0.04), True, id="same"),
        pytest.param(Answer("calm", 0.85), (0.9, 0.06, 0.04), True, id="rounded"),
        pytest.param(Answer("calm", 0.7), (0.9, 0.06, 0.04), False, id="other-confidence"),
        pytest.param(Answer("storm", 0.06), (0.9, 0.06, 0.04), False, id="other-label"),
        pytest.param(Answer("storm", 0.48), (0.5, 0.46, 0.04), True, id="near-tie"),
        pytest.param(Answer("LABEL_0", 0.9), (0.9, 0.06, 0.04), False, id="unknown-label"),
    ],
)
def test_is_right_allows_what_rounding_does(answer, wanted, expected):
    assert is_right(answer, dict(zip(LABELS, wanted, strict=True))) is expected


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        pytest.param(Answer("storm", 0.875), Check(0, 0.025), id="rounded"),
        pytest.param(Answer("calm", 0.9), Check(1, 0.8), id="other-label"),
        pytest.param(Answer("storm", 0.5), Check(1, 0.4), id="other-confidence"),
        pytest.param(Answer("LABEL_1", 0.9), Check(1, 1.0), id="unknown-label"),
    ],
)
def test_check_compares_row_by_row(second, expected):
    probabilities = np.array([[0.9, 0.1, 0], [0.1, 0.9, 0]], dtype=np.float32)
    job = SimpleNamespace(labels=LABELS, probabilities=probabilities)
    found = Job.check(job, [Answer("calm", 0.9), second])
    assert found.num_wrong == expected.num_wrong
    assert found.max_error == pytest.approx(expected.max_error, abs=1e-6)
