"""A bigger model that labels texts; here it is small and random."""

import shutil

import numpy as np
import pytest
import torch
from emotion_training.errors import DataError
from emotion_training.training import teacher as module
from emotion_training.training.teacher import load_teacher
from transformers import AutoModel, AutoTokenizer

from checkpoints import LABELS, VERSES, reference_probabilities

TEXTS = [VERSES[i] for i in (3, 0, 5, 1)] + ["word"]


def test_load_teacher_encoder_reads_the_mean_of_its_last_hidden_states(encoder, monkeypatch):
    monkeypatch.setattr(module, "BATCH_TOKENS", 100)
    teacher = load_teacher(encoder, labels=LABELS, max_length=64)
    network, tokenizer = AutoModel.from_pretrained(encoder), AutoTokenizer.from_pretrained(encoder)
    features = teacher.read(TEXTS)
    assert not teacher.has_labels
    for text, found in zip(TEXTS, features, strict=True):
        encoding = tokenizer(text, truncation=True, max_length=64, return_tensors="pt")
        with torch.no_grad():
            mean = network(**encoding).last_hidden_state[0].mean(dim=0)
        expected = (mean / mean.norm()).numpy()
        assert found @ expected == pytest.approx(1, abs=1e-3)  # it may compute in bfloat16


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 2e-2)])
def test_load_teacher_classifier_reads_its_probabilities(dtype, tolerance, source_of, monkeypatch):
    monkeypatch.setattr(module, "choose_dtype", lambda *_, **__: dtype)
    teacher = load_teacher(source_of("bert"), labels=LABELS, max_length=64)
    assert teacher.has_labels
    expected = reference_probabilities(source_of("bert"), TEXTS)
    found = teacher.read(TEXTS)
    assert found == pytest.approx(np.asarray(expected), abs=tolerance)
    is_exact = np.abs(found - expected).max() < 1e-5
    assert is_exact == (dtype == "float32")


def test_load_teacher_key_changes_with_weights_and_length(encoder, tmp_path):
    keys = [load_teacher(encoder, labels=LABELS, max_length=x).key for x in (64, 64, 32)]
    moved = shutil.copytree(encoder, tmp_path / "moved")
    keys.append(load_teacher(moved, labels=LABELS, max_length=64).key)
    network = AutoModel.from_pretrained(moved)
    network.pooler.dense.bias.data.add_(1)
    network.save_pretrained(moved)
    keys.append(load_teacher(moved, labels=LABELS, max_length=64).key)
    assert keys[0] == keys[1] == keys[3]
    assert len({*keys}) == 3


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(lambda x: shutil.rmtree(x), "there is no such folder; name one", id="missing"),
        pytest.param(lambda x: (x / "config.json").unlink(), "cannot be loaded: ", id="no-config"),
        pytest.param(
            lambda x: (x / "model.safetensors").write_bytes(b"x"),
            "cannot be loaded: ",
            id="damaged",
        ),
    ],
)
def test_load_teacher_broken_folder_is_refused(encoder, spoil, sentence):
    spoil(encoder)
    with pytest.raises(DataError, match=f"^--teacher .*encoder: {sentence}"):
        load_teacher(encoder, labels=LABELS, max_length=64)


def test_load_teacher_classifier_of_other_labels_is_refused(source_of):
    with pytest.raises(DataError, match="is a classifier of other labels, or in another order"):
        load_teacher(source_of("bert"), labels=LABELS[::-1], max_length=64)
