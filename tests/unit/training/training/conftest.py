"""Fixtures of the tests of training."""

import shutil

import pytest
from transformers import AutoModel


@pytest.fixture
def encoder(tmp_path, source_of):
    """A small random encoder without a head."""
    folder = tmp_path / "encoder"
    shutil.copytree(source_of("bert"), folder)
    AutoModel.from_pretrained(folder).save_pretrained(folder)
    return folder
