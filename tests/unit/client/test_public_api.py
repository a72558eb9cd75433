"""The public API is consistent."""

import inspect
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, is_dataclass

import emotion_client
import pytest
from emotion_client import AsyncEmotionClient, EmotionClient, errors


def members(kind):
    """Returns the public members in their order, under their blocking names."""
    own = {name.replace("__a", "__"): value for name, value in vars(kind).items()}
    special = ("__init__", "__enter__", "__exit__")
    return {name: own[name] for name in own if not name.startswith("_") or name in special}


def test_public_names_have_every_error():
    kinds = {
        name
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.EmotionError)
    }
    assert kinds <= set(emotion_client.__all__)


@pytest.mark.parametrize("name", emotion_client.__all__)
def test_public_names_are_documented(name):
    assert inspect.getdoc(getattr(emotion_client, name))


def test_public_values_cannot_change():
    values = [kind for kind in vars(emotion_client).values() if is_dataclass(kind)]
    assert len(values) == 5
    for kind in values:
        with pytest.raises(FrozenInstanceError):
            kind.__new__(kind).revision = "b" * 64


@pytest.mark.parametrize("kind", [EmotionClient, AsyncEmotionClient])
def test_client_methods_that_take_texts_have_raises_and_example(kind):
    for name in ("predict", "predict_many", "predict_song"):
        text = inspect.getdoc(getattr(kind, name)) or ""
        assert "Raises:" in text, name
        assert "Example:" in text, name


def test_both_clients_have_the_same_members_in_the_same_order():
    assert list(members(EmotionClient)) == list(members(AsyncEmotionClient))


def test_both_clients_take_the_same_arguments():
    awaited = members(AsyncEmotionClient)
    for name, value in members(EmotionClient).items():
        if not inspect.isfunction(value) or name in ("__enter__", "__exit__"):
            continue
        one = inspect.signature(value).parameters
        other = inspect.signature(awaited[name]).parameters
        assert list(one) == list(other), name
        assert [p.default for p in one.values()] == [p.default for p in other.values()], name
        assert [p.kind for p in one.values()] == [p.kind for p in other.values()], name


def test_both_clients_have_the_same_first_sentences():
    awaited = members(AsyncEmotionClient)
    for name, value in members(EmotionClient).items():
        if name.startswith("__"):
            continue
        first, other = (
            re.split(r"[.;,]", (inspect.getdoc(x) or "").splitlines()[0])[0]
            for x in (value, awaited[name])
        )
        assert first == other or first.startswith(other[:25]), name


HEAVY = {"torch", "transformers", "emotion_engine", "matplotlib", "opentelemetry", "tqdm"}


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [
        ("emotion_client", HEAVY | {"emotion_client.cli", "emotion_command"}),
        ("emotion_client.cli.main", HEAVY),
    ],
)
def test_import_loads_nothing_heavy_and_the_library_no_command(module, unwanted):
    code = f"import {module}, sys; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
