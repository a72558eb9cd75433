"""Temperature scaling."""

import numpy as np
import peft
import pytest
import torch
from emotion_training.training.calibration import (
    find_last_linear,
    fit_temperature,
    fold_temperature,
)
from emotion_training.training.network import add_lora
from scipy.special import softmax
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from checkpoints import KINDS, TEXTS

TEMPERATURE = 1.7


def draw(num_texts, *, temperature):
    """Returns logits, and truth drawn from softmax(logits / temperature)."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(num_texts, 4)) * 3
    noise = rng.gumbel(size=logits.shape)
    return logits, (logits / temperature + noise).argmax(axis=1)


def compute_logits(model, *, folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(
        list(TEXTS), padding=True, truncation=True, max_length=64, return_tensors="pt"
    )
    inputs.pop("token_type_ids", None)
    with torch.no_grad():
        return model.eval()(**inputs).logits.numpy()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_fit_temperature_finds_the_one_that_the_truth_was_drawn_with(temperature):
    logits, truth = draw(20_000, temperature=temperature)
    assert fit_temperature(logits, truth=truth) == pytest.approx(temperature, rel=0.05)


def test_fit_temperature_is_a_minimum_of_the_loss():
    logits, truth = draw(500, temperature=2)
    best = fit_temperature(logits.astype(np.float32), truth=truth)

    def loss(temperature):
        of_truth = softmax(logits / temperature, axis=1)[np.arange(len(truth)), truth]
        return float(-np.log(of_truth).mean())

    assert loss(best) < min(loss(best * 1.02), loss(best / 1.02), loss(1))


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
    before = compute_logits(wrapped, folder=folder)
    fold_temperature(wrapped, temperature=TEMPERATURE)
    after = compute_logits(wrapped, folder=folder)
    expected = softmax(before / TEMPERATURE, axis=1)
    np.testing.assert_allclose(softmax(after, axis=1), expected, atol=1e-6)
    assert np.abs(after - before).max() > 0.01


def test_fold_temperature_is_merged_with_the_adapter(source_of):
    folder = source_of("bert")
    wrapped = add_lora(AutoModelForSequenceClassification.from_pretrained(folder), rank=2)
    before = compute_logits(wrapped, folder=folder)
    fold_temperature(wrapped, temperature=TEMPERATURE)
    merged = wrapped.merge_and_unload()
    assert not isinstance(merged, peft.PeftModel)
    np.testing.assert_allclose(
        compute_logits(merged, folder=folder), before / TEMPERATURE, atol=1e-5
    )


def test_find_last_linear_without_one_says_how_many_outputs_are_missing():
    class Headless(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = type("Config", (), {"num_labels": 6})()
            self.dense = torch.nn.Linear(6, 5)

    with pytest.raises(ValueError, match="no linear layer with 6 outputs, one per label"):
        find_last_linear(Headless())
