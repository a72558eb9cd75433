"""The encoders in torch, packed and padded."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from emotion_engine.attention import VarlenAttention
from emotion_engine.encoder import PackedEncoder, PaddedEncoder, load_encoder
from emotion_engine.packing import pack

from checkpoints import KINDS, LABELS, MAX_LENGTH, PACKED_KINDS, edit_json, reference_of_ids

CPU = torch.device("cpu")


def load(folder, *, dtype=torch.float32):
    return load_encoder(folder, device=CPU, dtype=dtype, wanted="torch")


def draw_batch(row_lens):
    generator = np.random.default_rng(3)
    rows = [generator.integers(5, 200, size=n) for n in row_lens]
    (batch,) = pack(rows, max_batch_tokens=1024)
    return batch


def softmax_of(encoder, batch):
    with torch.inference_mode():
        return encoder.compute_logits(batch).softmax(dim=1).numpy()


def reference_of(folder, batch):
    mask = torch.from_numpy(np.arange(batch.row_lens.max()) < batch.row_lens[:, None])
    ids = torch.ones(mask.shape, dtype=torch.int64)
    ids[mask] = torch.from_numpy(batch.input_ids[: batch.num_tokens])
    return reference_of_ids(folder, ids, mask=mask.long())


def attend_varlen(
    query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale, window_size, num_splits
):
    """A fake of the CUDA kernel: one masked softmax over the whole stream."""
    place = torch.arange(len(query))
    row = torch.bucketize(place, cu_seq_q, right=True)
    is_seen = row[:, None] == row[None, :]
    if window_size[0] >= 0:
        is_seen &= (place[:, None] - place[None, :]).abs() <= window_size[0]
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    weights = scores.masked_fill(~is_seen, -torch.inf).softmax(-1)
    output = torch.einsum("hqk,khd->qhd", weights, value)
    output[cu_seq_q[-1] :] = torch.nan
    return output


@pytest.mark.parametrize("kind", KINDS)
def test_load_encoder_packs_where_the_architecture_can(kind, source_of):
    expected = PackedEncoder if kind in PACKED_KINDS else PaddedEncoder
    assert type(load(source_of(kind))) is expected


@pytest.mark.parametrize("kind", KINDS)
def test_compute_logits_are_float32_one_line_per_row(kind, source_of):
    encoder = load(source_of(kind), dtype=torch.bfloat16)
    with torch.inference_mode():
        logits = encoder.compute_logits(draw_batch([3, 1, 40]))
    assert logits.dtype == torch.float32
    assert logits.shape == (3, len(LABELS))


@pytest.mark.parametrize("kind", KINDS)
def test_compute_logits_equal_the_padded_reference(kind, source_of):
    batch = draw_batch([1, 2, 3, 15, 16, 17, 40, 96, 127, MAX_LENGTH])
    answer = softmax_of(load(source_of(kind)), batch)
    assert np.abs(answer - reference_of(source_of(kind), batch)).max() <= 1e-5


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_compute_logits_filler_changes_no_answer(kind, source_of):
    encoder = load(source_of(kind))
    batch = draw_batch([5, 60, 70])
    assert batch.num_computed_tokens > batch.num_tokens
    exact = softmax_of(encoder, replace(batch, input_ids=batch.input_ids[: batch.num_tokens]))
    for filler_id in (0, 1, 77):
        input_ids = batch.input_ids.copy()
        input_ids[batch.num_tokens :] = filler_id
        answer = softmax_of(encoder, replace(batch, input_ids=input_ids))
        assert np.abs(answer - exact).max() <= 1e-6


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_compute_logits_varlen_kernel_gives_the_same_answers(kind, source_of, monkeypatch):
    encoder = load(source_of(kind))
    batch = draw_batch([1, 7, 33, 70, MAX_LENGTH])
    grouped = softmax_of(encoder, batch)
    monkeypatch.setattr(VarlenAttention, "kernel", staticmethod(attend_varlen))
    monkeypatch.setattr(encoder, "attention", VarlenAttention)
    assert np.abs(softmax_of(encoder, batch) - grouped).max() <= 1e-5


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
