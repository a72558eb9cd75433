"""Settings from the strings of config.pbtxt."""

from dataclasses import FrozenInstanceError

import pytest
from emotion_engine.errors import SettingsError
from emotion_engine.settings import (
    CUDA_GRAPHS,
    DTYPES,
    ENCODERS,
    CheckpointSettings,
    EngineSettings,
)


def test_settings_no_parameters_give_the_defaults():
    assert EngineSettings.from_parameters({}) == EngineSettings()


def test_settings_all_parameters_are_read_with_their_types():
    parameters = {
        "checkpoint": "../weights",
        "dtype": "float32",
        "max_batch_tokens": "512",
        "num_threads": "3",
        "cuda_graphs": "on",
    }
    assert EngineSettings.from_parameters(parameters) == EngineSettings(
        checkpoint="../weights",
        dtype="float32",
        max_batch_tokens=512,
        num_threads=3,
        cuda_graphs="on",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, value)
        for name, values in {
            "dtype": DTYPES,
            "encoder": ENCODERS,
            "cuda_graphs": CUDA_GRAPHS,
        }.items()
        for value in values
    ],
)
def test_settings_known_choice_is_accepted(name, value):
    assert getattr(EngineSettings.from_parameters({name: value}), name) == value


def test_settings_missing_checkpoint_is_refused():
    with pytest.raises(SettingsError, match="the parameter 'checkpoint' is missing"):
        CheckpointSettings.from_parameters({})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("dtyp", "auto", r"unknown parameter 'dtyp'.*max_batch_tokens"),
        ("dtype", "float16", r"'float16'; choose one of auto, bfloat16"),
        ("encoder", "cuda", r"'cuda'; choose one of auto, native"),
        ("cuda_graphs", "true", r"'true'; choose one of off, on"),
        ("max_batch_tokens", "many", r"'many'; it must be an integer"),
        ("max_batch_tokens", "2.5", r"'2\.5'; it must be an integer"),
        ("max_batch_tokens", "", r"''; it must be an integer"),
        ("max_batch_tokens", "-1", r"is -1; it must be 0 or more"),
        ("num_threads", "-1", r"is -1; it must be 0 or more"),
    ],
)
def test_settings_bad_parameter_is_refused_with_value_and_limit(name, value, sentence):
    with pytest.raises(SettingsError, match=sentence) as caught:
        EngineSettings.from_parameters({name: value})
    assert name in str(caught.value)


def test_settings_are_frozen():
    with pytest.raises(FrozenInstanceError):
        EngineSettings().num_threads = 2
