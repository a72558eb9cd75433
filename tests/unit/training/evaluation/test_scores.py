"""Scores worked out by hand."""

import math

import numpy as np
import pytest
from emotion_training.evaluation.scores import MIN_PROBABILITY, score

COLOURS = ("red", "green", "blue")


def certain(*indices):
    """Returns probabilities that are 1 for the given labels."""
    return np.eye(3)[list(indices)]


def score_of(probabilities, *truth):
    return score(np.array(probabilities, dtype=float), truth=np.array(truth), labels=COLOURS)


def test_score_perfect_predictor_is_1_everywhere():
    scores = score_of(certain(0, 1, 2, 1), 0, 1, 2, 1)
    assert (scores.macro_f1, scores.weighted_f1, scores.accuracy) == (1, 1, 1)
    assert (scores.loss, scores.calibration_error) == (0, 0)
    assert scores.confusion.tolist() == [[1, 0, 0], [0, 2, 0], [0, 0, 1]]
    assert scores.absent_labels == ()


def test_score_constant_predictor_finds_one_label():
    # green twice, red and blue once; all predicted green: precision 2/4, recall 2/2, F1 2/3.
    scores = score_of(certain(1, 1, 1, 1), 0, 1, 1, 2)
    assert scores.accuracy == 0.5
    assert scores.macro_f1 == pytest.approx((0 + 2 / 3 + 0) / 3)
    assert scores.weighted_f1 == pytest.approx(2 / 4 * 2 / 3)
    assert scores.calibration_error == 0.5
    assert scores.confusion.tolist() == [[0, 1, 0], [0, 2, 0], [0, 1, 0]]
    red, green, _ = scores.per_label
    assert (red.label, red.precision, red.recall, red.f1, red.support) == ("red", 0, 0, 0, 1)
    assert (green.precision, green.recall, green.support) == (0.5, 1, 2)
    assert green.f1 == pytest.approx(2 / 3)


def test_score_loss_is_the_mean_negative_log_of_the_truth():
    scores = score_of([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], 1, 1)
    assert scores.loss == pytest.approx(-(math.log(0.25) + math.log(0.8)) / 2)


def test_score_certain_and_wrong_has_a_finite_loss():
    assert score_of(certain(0), 1).loss == pytest.approx(-math.log(MIN_PROBABILITY))
    assert np.float32(1.1754944e-38) == MIN_PROBABILITY


def test_score_calibration_error_by_hand():
    # 0.95 right, 0.97 wrong: the last bin has confidence 0.96 and accuracy 1/2, 2 texts.
    # 0.62 right twice and 0.64 wrong: the tenth bin has 0.6266... and 2/3, 3 texts.
    confidences = (0.95, 0.97, 0.62, 0.62, 0.64)
    scores = score_of([[x, 1 - x, 0] for x in confidences], 0, 1, 0, 0, 1)
    expected = 2 / 5 * abs(0.96 - 1 / 2) + 3 / 5 * abs((0.62 + 0.62 + 0.64) / 3 - 2 / 3)
    assert scores.calibration_error == pytest.approx(expected)
    assert [each.count for each in scores.bins] == [0] * 9 + [3] + [0] * 4 + [2]
    tenth = scores.bins[9]
    assert (tenth.low, tenth.high) == (pytest.approx(0.6), pytest.approx(2 / 3))
    assert tenth.confidence == pytest.approx(1.88 / 3)
    assert tenth.accuracy == pytest.approx(2 / 3)
    assert (scores.bins[0].confidence, scores.bins[0].accuracy) == (None, None)


@pytest.mark.parametrize(
    ("confidence", "index"),
    [(0.6, 8), (np.nextafter(0.6, 1), 9), (1.0, 14), (0.8, 11)],
    ids=["on-an-edge", "just-above-it", "highest", "on-another-edge"],
)
def test_score_bin_holds_its_upper_edge(confidence, index):
    rest = (1 - confidence) / 2
    scores = score_of([[confidence, rest, rest]], 0)
    assert [each.count for each in scores.bins].index(1) == index


def test_score_label_without_text_and_prediction_does_not_count():
    scores = score_of(certain(0, 1, 1), 0, 1, 1)
    assert (scores.macro_f1, scores.weighted_f1) == (1, 1)
    assert scores.absent_labels == ("blue",)
    assert [each.label for each in scores.per_label] == list(COLOURS)
    assert "blue" not in scores.report


def test_score_label_without_text_but_predicted_counts_as_0():
    scores = score_of(certain(0, 1, 2), 0, 1, 1)
    assert scores.macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert scores.absent_labels == ()
    assert "blue" in scores.report


def test_score_equal_probabilities_take_the_first():
    assert score_of([[0.4, 0.4, 0.2]], 0).accuracy == 1


def test_score_report_has_every_line_of_scikit_learn():
    report = score_of(certain(0, 1, 2, 2), 0, 1, 1, 2).report
    names = [line.split("  ")[0] for line in map(str.strip, report.splitlines()) if line]
    assert names == ["precision", *COLOURS, "accuracy", "macro avg", "weighted avg"]
    assert report.split()[:4] == ["precision", "recall", "f1-score", "support"]
    assert "green     1.0000    0.5000    0.6667         2" in report


@pytest.mark.parametrize(
    ("probabilities", "truth", "sentence"),
    [
        pytest.param(np.empty((0, 3)), [], "there are 0 texts; at least 1 is needed", id="no-text"),
        pytest.param(
            [[0.5, 0.5]], [0], r"shape \(1, 2\); 1 texts and 3 labels need \(1, 3\)", id="shape"
        ),
        pytest.param(
            [[1, 0, 0], [np.nan, 0, 0]], [0, 0], "text 2 has the probability nan; it mu", id="nan"
        ),
        pytest.param([[1.5, 0, 0]], [0], r"text 1 has the probability 1\.5; it must", id="above-1"),
        pytest.param([[-0.1, 1, 0]], [0], r"text 1 has the probability -0\.1; it m", id="below-0"),
        pytest.param([[1, 0, 0]], [3], "truth is 3 to 3; 3 labels are known", id="unknown-label"),
        pytest.param([[1, 0, 0]], [-1], "truth is -1 to -1; 3 labels are", id="negative-label"),
    ],
)
def test_score_wrong_arrays_are_refused(probabilities, truth, sentence):
    with pytest.raises(ValueError, match=sentence):
        score_of(probabilities, *truth)
