"""The encoders in torch, packed and padded."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from emotion_engine.classifier import softmax
from emotion_engine.encoder import load_encoder
from emotion_engine.errors import OutOfMemory
from emotion_engine.packing import pack
from emotion_engine.torch_encoder import PackedEncoder, PaddedEncoder

from checkpoints import KINDS, PACKED_KINDS, edit_json


def load(folder):
    return load_encoder(folder, device="cpu", dtype="float32", wanted="torch")


def draw_batch(row_lens):
    generator = np.random.default_rng(3)
    rows = [generator.integers(5, 200, size=n) for n in row_lens]
    (batch,) = pack(rows, max_batch_tokens=1024)
    return batch


@pytest.mark.parametrize("kind", KINDS)
def test_load_encoder_packs_where_the_architecture_can(kind, source_of):
    expected = PackedEncoder if kind in PACKED_KINDS else PaddedEncoder
    assert type(load(source_of(kind))) is expected


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_compute_logits_filler_changes_no_answer(kind, source_of):
    encoder = load(source_of(kind))
    batch = draw_batch([5, 60, 70])
    assert batch.num_computed_tokens > batch.num_tokens
    alone = replace(batch, input_ids=batch.input_ids[: batch.num_tokens])
    exact = softmax(encoder.compute_logits(alone))
    for filler_id in (0, 1, 77):
        input_ids = batch.input_ids.copy()
        input_ids[batch.num_tokens :] = filler_id
        answer = softmax(encoder.compute_logits(replace(batch, input_ids=input_ids)))
        assert np.abs(answer - exact).max() <= 1e-6


def test_compute_logits_without_memory_says_so(source_of, monkeypatch):
    def run_out(*_, **__):
        raise torch.OutOfMemoryError("Tried to allocate 20.00 MiB")

    encoder = load(source_of("bert"))
    monkeypatch.setattr(encoder, "_compute", run_out)
    with pytest.raises(OutOfMemory, match="the device has no memory for 3 rows of 17 tokens"):
        encoder.compute_logits(draw_batch([3, 5, 9]))


def test_num_computed_tokens_is_the_stream_or_the_rectangle(source_of):
    batch = draw_batch([3, 5, 9])
    assert load(source_of("bert")).num_computed_tokens(batch) == 32
    assert load(source_of("electra")).num_computed_tokens(batch) == 27


def test_load_encoder_bfloat16_on_disk_is_read_into_a_float32_head(tmp_path, source_of):
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(
        source_of("bert"), dtype=torch.bfloat16
    )
    model.save_pretrained(tmp_path)
    encoder = load(tmp_path)
    assert isinstance(encoder, PackedEncoder)
    assert {x.dtype for x in encoder.head.parameters()} == {torch.float32}


def test_load_encoder_only_pickled_weights_are_refused(tmp_path, source_of):
    folder = Path(shutil.copytree(source_of("bert"), tmp_path / "pickled"))
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load(folder)


def test_load_encoder_remote_code_is_not_run(tmp_path, source_of):
    folder = Path(shutil.copytree(source_of("bert"), tmp_path / "remote"))
    auto_map = {"AutoConfig": "evil.Evil"}
    edit_json(folder / "config.json", model_type="home-made", auto_map=auto_map)
    (folder / "evil.py").write_text("raise SystemExit('remote code ran')")
    with pytest.raises(ValueError, match=r"trust_remote_code|custom code"):
        load(folder)
