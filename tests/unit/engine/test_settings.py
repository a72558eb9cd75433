"""Settings from the strings of config.pbtxt."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from emotion_engine.errors import SettingsError
from emotion_engine.settings import DTYPES, EngineSettings


def test_settings_no_parameters_gives_the_defaults() -> None:
    assert EngineSettings.from_parameters({}) == EngineSettings()


def test_settings_all_parameters_are_read_with_their_types() -> None:
    parameters = {
        "checkpoint": "../weights",
        "dtype": "float32",
        "max_batch_tokens": "512",
        "num_threads": "3",
    }
    assert EngineSettings.from_parameters(parameters) == EngineSettings(
        checkpoint="../weights", dtype="float32", max_batch_tokens=512, num_threads=3
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_settings_known_dtype_is_taken(dtype: str) -> None:
    assert EngineSettings.from_parameters({"dtype": dtype}).dtype == dtype


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        pytest.param("dtyp", "auto", r"unknown parameter 'dtyp'.*max_batch_tokens", id="unknown"),
        pytest.param("dtype", "float16", r"'float16'; choose one of auto, bfloat16", id="dtype"),
        pytest.param("max_batch_tokens", "many", r"'many'; it must be a whole number", id="word"),
        pytest.param("max_batch_tokens", "2.5", r"'2\.5'; it must be a whole number", id="float"),
        pytest.param("max_batch_tokens", "", r"''; it must be a whole number", id="nothing"),
        pytest.param(
            "max_batch_tokens", "-1", r"is -1; it must be 0 or more", id="negative-tokens"
        ),
        pytest.param("num_threads", "-1", r"is -1; it must be 0 or more", id="negative-threads"),
    ],
)
def test_settings_bad_parameter_is_refused_with_value_and_limit(
    name: str, value: str, sentence: str
) -> None:
    with pytest.raises(SettingsError, match=sentence) as caught:
        EngineSettings.from_parameters({name: value})
    assert name in str(caught.value)


def test_settings_once_made_cannot_change() -> None:
    with pytest.raises(FrozenInstanceError):
        EngineSettings().num_threads = 2  # type: ignore[misc]
