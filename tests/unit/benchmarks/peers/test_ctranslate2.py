"""What surrounds CTranslate2's encoder; the library itself is installed elsewhere."""

import json
import sys
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from transformers import BertForSequenceClassification

from checkpoints import edit_json


@pytest.fixture
def engine(monkeypatch):
    monkeypatch.setitem(sys.modules, "ctranslate2", SimpleNamespace())
    yield import_module("peers.ctranslate2.engine")
    sys.modules.pop("peers.ctranslate2.engine")


def test_head_is_that_of_transformers(engine, prepared_of):
    checkpoint = prepared_of("bert")
    model = BertForSequenceClassification.from_pretrained(checkpoint).eval()
    ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
    with torch.inference_mode():
        first = model.bert(input_ids=ids).last_hidden_state[:, 0].numpy()
        wanted = model(input_ids=ids).logits.numpy()
    weights = load_file(checkpoint / "model.safetensors")
    found = engine.compute_head(first, weights=[weights[name] for name in engine.HEAD])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("known", [{}, {"position_embedding_type": "relative_key"}])
def test_converter_gets_a_kind_of_positions_and_the_checkpoint_stays(engine, known, tmp_path):
    checkpoint, folder = tmp_path / "checkpoint", tmp_path / "copy"
    checkpoint.mkdir(), folder.mkdir()
    (checkpoint / "config.json").write_text('{"model_type": "bert"}')
    (checkpoint / "model.safetensors").write_bytes(b"weights")
    edit_json(checkpoint / "config.json", **known)
    before = (checkpoint / "config.json").read_text()
    engine.link_with_positions(checkpoint, folder=folder)
    wanted = {"position_embedding_type": "absolute", "model_type": "bert", **known}
    assert json.loads((folder / "config.json").read_text()) == wanted
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert (checkpoint / "config.json").read_text() == before
