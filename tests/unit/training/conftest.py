"""Fixtures of the tests of training, evaluation and preparation."""

import shutil
from pathlib import Path

import pytest
from emotion_command.checkout import ADAPTER
from emotion_training.quiet import silence_transformers


@pytest.fixture(autouse=True)
def quiet():
    """Hides the bars of transformers, and a warning of peft 0.21."""
    silence_transformers()


@pytest.fixture
def source(tmp_path, source_of):
    """A small BERT that a test may spoil."""
    return Path(shutil.copytree(source_of("bert"), tmp_path / "source"))


@pytest.fixture
def adapter(tmp_path):
    """A copy of the shipped adapter that a test may spoil."""
    return Path(shutil.copytree(ADAPTER, tmp_path / "adapter"))
