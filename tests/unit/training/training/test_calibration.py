"""Temperature scaling."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from emotion_training.training.calibration import (
    find_last_linear,
    fit_temperature,
    fold_temperature,
)
from emotion_training.training.network import add_lora
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from checkpoints import KINDS, compute_logits

TEMPERATURE = 1.7


def draw(num_texts, *, temperature):
    """Returns logits, and truth drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(num_texts, 4)) * 3
    noise = rng.gumbel(size=logits.shape)
    return logits, (logits / temperature + noise).argmax(axis=1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_temperature_finds_the_one_that_the_truth_was_drawn_with(temperature):
    logits, truth = draw(20_000, temperature=temperature)
    found = fit_temperature(logits.astype(np.float32), truth=truth)
    assert found == pytest.approx(temperature, rel=0.05)


def test_fit_temperature_probabilities_stand_for_labels():
    logits, truth = draw(20_000, temperature=2.5)
    found = fit_temperature(logits, truth=np.eye(4)[truth])
    assert found == pytest.approx(fit_temperature(logits, truth=truth))
    answers = np.exp(logits / 2.5) / np.exp(logits / 2.5).sum(axis=1, keepdims=True)
    assert fit_temperature(logits, truth=answers) == pytest.approx(2.5, rel=0.01)


def test_fit_temperature_weights_count_a_text_as_often():
    logits, truth = draw(500, temperature=1.7)
    weights = np.arange(500) % 3
    repeated = np.repeat(np.arange(500), weights)
    found = fit_temperature(logits, truth=truth, weights=weights.astype(float))
    assert found == pytest.approx(fit_temperature(logits[repeated], truth=truth[repeated]))


@pytest.mark.parametrize(
    ("truth", "low", "high"),
    [
        pytest.param([0, 1], 0.05, 0.3, id="all-right"),
        pytest.param([1, 0], 19.9, 20, id="all-wrong"),
    ],
)
def test_fit_temperature_without_a_minimum_stays_within_its_bounds(truth, low, high):
    logits = np.array([[9.0, 0.0], [0.0, 9.0]])
    assert low <= fit_temperature(logits, truth=np.array(truth)) <= high


@pytest.mark.parametrize("is_adapter", [False, True], ids=["whole", "adapter"])
@pytest.mark.parametrize("kind", KINDS)
def test_fold_temperature_divides_the_logits(kind, is_adapter, source_of):
    folder = source_of(kind)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    wrapped = add_lora(model, rank=2) if is_adapter else model
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = compute_logits(wrapped, tokenizer=tokenizer) / TEMPERATURE
    fold_temperature(wrapped, temperature=TEMPERATURE)
    after = compute_logits(wrapped, tokenizer=tokenizer)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=1e-5)
    if is_adapter:
        merged = compute_logits(wrapped.merge_and_unload(), tokenizer=tokenizer)
        torch.testing.assert_close(merged, expected, atol=1e-4, rtol=1e-4)


def test_find_last_linear_without_one_says_how_many_outputs_are_missing():
    headless = torch.nn.Sequential(torch.nn.Linear(6, 5))
    headless.config = SimpleNamespace(num_labels=6)
    with pytest.raises(ValueError, match="no linear layer with 6 outputs, one per label"):
        find_last_linear(headless)
