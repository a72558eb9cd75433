"""The public API against itself."""

import inspect
import re
import subprocess
import sys

import emotion_client
import pytest
from emotion_client import AsyncEmotionClient, EmotionClient, errors


def members(kind):
    """Returns the members that callers use, in their order, under their blocking names."""
    own = {name.replace("__a", "__"): value for name, value in vars(kind).items()}
    special = ("__init__", "__enter__", "__exit__")
    return {name: own[name] for name in own if not name.startswith("_") or name in special}


def test_public_names_are_importable():
    assert all(hasattr(emotion_client, name) for name in emotion_client.__all__)


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


@pytest.mark.parametrize("kind", [EmotionClient, AsyncEmotionClient])
def test_client_methods_that_take_texts_say_what_they_raise_and_show_an_example(kind):
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


def test_both_clients_begin_their_docs_alike():
    awaited = members(AsyncEmotionClient)
    for name, value in members(EmotionClient).items():
        if name.startswith("__"):
            continue
        first, other = (
            re.split(r"[.;,]", (inspect.getdoc(x) or "").splitlines()[0])[0]
            for x in (value, awaited[name])
        )
        assert first == other or first.startswith(other[:25]), name


@pytest.mark.parametrize("module", ["emotion_client", "emotion_client.cli"])
def test_import_loads_nothing_heavy(module):
    heavy = {"torch", "transformers", "emotion_engine", "matplotlib", "opentelemetry", "tqdm"}
    code = f"import {module}, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
