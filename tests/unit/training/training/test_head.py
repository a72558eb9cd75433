"""The head of a teacher that is an encoder."""

import numpy as np
import pytest
from emotion_training.training.head import fit_head, read_held_out


def make(num_texts, *, num_labels=3, noise=0.3, seed=0):
    """Returns features of length 1 near one direction per label, and the labels."""
    rng = np.random.default_rng(seed)
    truth = np.arange(num_texts) % num_labels
    features = np.eye(8)[truth] + noise * rng.normal(size=(num_texts, 8))
    return features / np.linalg.norm(features, axis=1, keepdims=True), truth


@pytest.mark.parametrize("num_labels", [2, 3])
def test_fit_head_reads_labels_off_features(num_labels):
    features, truth = make(120, num_labels=num_labels)
    head, own = fit_head(features, truth=truth, kinds=["a"] * 120)
    others, expected = make(60, num_labels=num_labels, seed=1)
    answers = head.answer(others)
    assert answers.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (answers.argmax(axis=1) == expected).mean() > 0.9
    assert (own.argmax(axis=1) == truth).mean() > 0.9


def test_fit_head_answers_to_its_own_texts_are_of_heads_that_did_not_see_them():
    features, truth = make(100, noise=0.1)
    wrong = truth.copy()
    wrong[:4] = (truth[:4] + 1) % 3  # a head that sees them would learn some of them by heart
    _, own = fit_head(features, truth=wrong, kinds=["a"] * 100)
    assert (own[:4].argmax(axis=1) == truth[:4]).all()


def test_fit_head_is_less_sure_of_other_kinds_if_kinds_differ():
    features, truth = make(120)
    turned = np.roll(features, 1, axis=1)  # the directions of one kind mislead about the other
    head, _ = fit_head(
        np.concatenate([features, turned]), truth=np.tile(truth, 2), kinds="ab" * 120
    )
    mixed = head.temperature
    kinds = ["a"] * 120 + ["b"] * 120
    head, _ = fit_head(np.concatenate([features, turned]), truth=np.tile(truth, 2), kinds=kinds)
    assert head.temperature > 2 * mixed


@pytest.mark.parametrize("groups", [(1, 1, 2), (0, 0, 0)], ids=["own-label", "one-group"])
def test_read_held_out_label_that_the_others_lack_has_no_logit(groups):
    features, truth = make(90)
    logits = read_held_out(features, truth=truth, groups=np.array(groups)[truth])
    assert logits.shape == (90, 3)
    assert (logits[truth == 2, 2] == 0).all()
