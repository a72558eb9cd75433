"""Both kernels against plain attention, one row at a time."""

import numpy as np
import pytest
import torch
from emotion_engine.attention import GroupedAttention, VarlenAttention, choose_attention
from emotion_engine.packing import pack
from torch.nn.attention import varlen

CPU = torch.device("cpu")
NUM_HEADS, HEAD_DIM = 3, 8
SCALE = 0.3
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

every_layout = pytest.mark.parametrize(
    "row_lens",
    [
        pytest.param([1], id="one-token"),
        pytest.param([16], id="one-group-without-padding"),
        pytest.param([5], id="one-group-with-padding"),
        pytest.param([1, 2, 3], id="rows-shorter-than-a-group"),
        pytest.param([15, 16, 17, 32, 33], id="rows-at-the-edges-of-groups"),
        pytest.param([40, 7, 40, 1, 64, 7, 23], id="shuffled"),
    ],
)
# The whole row, only the token itself, narrow, some rows, beyond every row; and some again, since
# one batch serves layers with different windows.
WINDOWS = (None, 4, None, 0, 31, 500, 4)


def lay_out(row_lens):
    (batch,) = pack([np.ones(n, dtype=np.int64) for n in row_lens], max_batch_tokens=512)
    return batch


def offsets_of(batch, *, device=CPU):
    return torch.from_numpy(batch.cu_seqlens).to(device)


def draw_qkv(batch, *, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shape = (3, batch.num_computed_tokens, NUM_HEADS, HEAD_DIM)
    return list(torch.randn(shape, generator=generator).to(dtype))


def attend_one_row(query, key, value, *, scale, reach):
    """Plain softmax attention, (row_len, num_heads, head_dim); reach -1 is the whole row."""
    place = torch.arange(len(query))
    is_far = (place[:, None] - place[None, :]).abs() > reach
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    if reach >= 0:
        scores = scores.masked_fill(is_far, -torch.inf)
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), value)


def attend_plainly(batch, qkv, *, window):
    output = torch.zeros_like(qkv[0])
    reach = -1 if window is None else window
    for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
        row = [x[start:end] for x in qkv]
        output[start:end] = attend_one_row(*row, scale=SCALE, reach=reach)
    return output


class StrictKernel:
    """A fake of torch's varlen_attn: same signature, plain arithmetic, NaN as filler."""

    def __init__(self, batch):
        self.batch = batch
        self.num_calls = 0

    def __call__(
        self, query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale, window_size, num_splits
    ):
        self.num_calls += 1
        assert query.shape == key.shape == value.shape
        assert query.dtype == key.dtype == value.dtype
        assert query.ndim == 3
        assert cu_seq_q.dtype == cu_seq_k.dtype == torch.int32
        assert torch.equal(cu_seq_q, cu_seq_k)
        assert cu_seq_q[0] == 0
        assert cu_seq_q[-1] == self.batch.num_tokens
        assert type(max_q) is type(max_k) is int
        assert max_q == max_k == cu_seq_q.diff().max()
        assert isinstance(scale, float)
        assert window_size[0] == window_size[1] >= -1
        assert num_splits == 1
        output = torch.full_like(query, torch.nan)
        for start, end in zip(cu_seq_q[:-1].tolist(), cu_seq_q[1:].tolist(), strict=True):
            row = [x[start:end] for x in (query, key, value)]
            output[start:end] = attend_one_row(*row, scale=scale, reach=window_size[0])
        return output


@every_layout
def test_grouped_attention_equals_plain_softmax_for_each_window(row_lens):
    batch = lay_out(row_lens)
    qkv = draw_qkv(batch)
    attention = GroupedAttention(batch, cu_seqlens=offsets_of(batch))
    for window in WINDOWS:
        output = attention.attend(*qkv, scale=SCALE, window=window)
        expected = attend_plainly(batch, qkv, window=window)
        torch.testing.assert_close(output, expected, atol=1e-6, rtol=1e-5)
        assert not output[batch.num_tokens :].any()
        assert output.isfinite().all()


def test_grouped_attention_filler_changes_no_result():
    batch = lay_out([5, 17])
    qkv = draw_qkv(batch)
    attention = GroupedAttention(batch, cu_seqlens=offsets_of(batch))
    clean = attention.attend(*qkv, scale=SCALE, window=None)
    for x in qkv:
        x[batch.num_tokens :] = torch.nan
    assert torch.equal(attention.attend(*qkv, scale=SCALE, window=None), clean)


@every_layout
def test_varlen_attention_passes_the_kernel_what_it_needs(monkeypatch, row_lens):
    batch = lay_out(row_lens)
    kernel = StrictKernel(batch)
    monkeypatch.setattr(varlen, "varlen_attn", kernel)
    qkv = draw_qkv(batch)
    attention = VarlenAttention(batch, cu_seqlens=offsets_of(batch))
    for window in WINDOWS:
        output = attention.attend(*qkv, scale=SCALE, window=window)
        expected = attend_plainly(batch, qkv, window=window)
        torch.testing.assert_close(output, expected, atol=1e-6, rtol=1e-5)
    assert kernel.num_calls == len(WINDOWS)


@pytest.mark.gpu
@needs_gpu
def test_varlen_attention_real_kernel_equals_plain_softmax():
    batch = lay_out([40, 7, 40, 1, 64, 7, 23])
    device = torch.device("cuda")
    qkv = draw_qkv(batch, dtype=torch.bfloat16)
    attention = VarlenAttention(batch, cu_seqlens=offsets_of(batch, device=device))
    for window in WINDOWS:
        output = attention.attend(*(x.to(device) for x in qkv), scale=SCALE, window=window)
        expected = attend_plainly(batch, [x.float() for x in qkv], window=window)
        torch.testing.assert_close(output.float().cpu(), expected, atol=2e-2, rtol=2e-2)
        assert not output[batch.num_tokens :].any()


@pytest.mark.parametrize(
    ("device", "dtype", "capability", "head_dim", "expected"),
    [
        ("cpu", torch.bfloat16, None, 64, GroupedAttention),
        ("cuda", torch.bfloat16, (8, 0), 64, VarlenAttention),
        ("cuda:1", torch.bfloat16, (9, 0), 64, VarlenAttention),
        ("cuda", torch.bfloat16, (9, 0), 256, VarlenAttention),
        ("cuda", torch.bfloat16, (9, 0), 264, GroupedAttention),
        ("cuda", torch.bfloat16, (9, 0), 60, GroupedAttention),
        ("cuda", torch.bfloat16, (7, 5), 64, GroupedAttention),
        ("cuda", torch.float32, (9, 0), 64, GroupedAttention),
    ],
)
def test_choose_attention_depends_on_device_dtype_and_heads(
    monkeypatch, device, dtype, capability, head_dim, expected
):
    def get_capability(asked):
        assert asked == torch.device(device)
        assert capability is not None
        return capability

    monkeypatch.setattr(torch.cuda, "get_device_capability", get_capability)
    chosen = choose_attention(torch.device(device), dtype=dtype, head_dim=head_dim)
    assert chosen is expected
