"""What the client returns."""

from dataclasses import FrozenInstanceError

import pytest
from emotion_client import Prediction

PREDICTION = Prediction("joy", 0.75, {"anger": 0.25, "joy": 0.75}, 5, False, "0" * 64)


def test_prediction_unpacks_as_label_and_confidence():
    label, confidence = PREDICTION
    assert (label, confidence) == ("joy", 0.75)


def test_prediction_equal_ones_are_equal():
    assert Prediction("joy", 0.75, {"anger": 0.25, "joy": 0.75}, 5, False, "0" * 64) == PREDICTION


def test_prediction_once_made_cannot_change():
    with pytest.raises(FrozenInstanceError):
        PREDICTION.label = "fear"
