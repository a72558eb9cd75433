"""Both kernels against attention written out row by row."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from emotion_engine.attention import (
    Attention,
    GroupedAttention,
    VarlenAttention,
    choose_attention,
)
from emotion_engine.packing import PackedBatch, pack

CPU = torch.device("cpu")
NUM_HEADS, HEAD_DIM = 3, 8
SCALE = 0.3
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")

ROW_LENS = [
    pytest.param([1], id="one-token"),
    pytest.param([16], id="one-group-without-padding"),
    pytest.param([5], id="one-group-with-padding"),
    pytest.param([1, 2, 3], id="rows-shorter-than-a-group"),
    pytest.param([15, 16, 17, 32, 33], id="rows-at-the-edges-of-groups"),
    pytest.param([40, 7, 40, 1, 64, 7, 23], id="shuffled"),
]
WINDOWS = [
    pytest.param(None, id="no-window"),
    pytest.param(0, id="itself-alone"),
    pytest.param(4, id="narrow-window"),
    pytest.param(31, id="window-of-some-rows"),
    pytest.param(500, id="window-beyond-every-row"),
]


def lay_out(row_lens: list[int]) -> PackedBatch:
    (batch,) = pack([np.ones(n, dtype=np.int64) for n in row_lens], max_batch_tokens=512)
    return batch


def draw_qkv(batch: PackedBatch, *, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (3, batch.num_computed_tokens, NUM_HEADS, HEAD_DIM)
    return list(torch.randn(shape, generator=generator).to(dtype))


def attend_one_row(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *, scale: float, reach: int
) -> torch.Tensor:
    """Plain softmax attention of one row, (row_len, num_heads, head_dim); a reach of -1 is all."""
    place = torch.arange(len(query))
    is_far = (place[:, None] - place[None, :]).abs() > reach
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    if reach >= 0:
        scores = scores.masked_fill(is_far, -torch.inf)
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), value)


def attend_plainly(
    batch: PackedBatch, qkv: list[torch.Tensor], *, window: int | None
) -> torch.Tensor:
    output = torch.zeros_like(qkv[0])
    reach = -1 if window is None else window
    for start, end in zip(batch.cu_seqlens[:-1], batch.cu_seqlens[1:], strict=True):
        row = [x[start:end] for x in qkv]
        output[start:end] = attend_one_row(*row, scale=SCALE, reach=reach)
    return output


class StrictKernel:
    """Stands in for torch's varlen_attn: same signature, plain arithmetic, garbage as filler."""

    def __init__(self, batch: PackedBatch) -> None:
        self.batch = batch
        self.num_calls = 0

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        cu_seq_q: torch.Tensor,
        cu_seq_k: torch.Tensor,
        max_q: int,
        max_k: int,
        *,
        scale: float,
        window_size: tuple[int, int],
        num_splits: int,
    ) -> torch.Tensor:
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


@pytest.mark.parametrize("row_lens", ROW_LENS)
@pytest.mark.parametrize("window", WINDOWS)
def test_grouped_attention_equals_plain_softmax(row_lens: list[int], window: int | None) -> None:
    batch = lay_out(row_lens)
    qkv = draw_qkv(batch)
    output = GroupedAttention(batch, device=CPU).attend(*qkv, scale=SCALE, window=window)
    torch.testing.assert_close(
        output, attend_plainly(batch, qkv, window=window), atol=1e-6, rtol=1e-5
    )
    assert not output[batch.num_tokens :].any()
    assert output.isfinite().all()


def test_grouped_attention_garbage_in_the_filler_stays_there() -> None:
    batch = lay_out([5, 17])
    qkv = draw_qkv(batch)
    attention = GroupedAttention(batch, device=CPU)
    clean = attention.attend(*qkv, scale=SCALE, window=None)
    for x in qkv:
        x[batch.num_tokens :] = torch.nan
    assert torch.equal(attention.attend(*qkv, scale=SCALE, window=None), clean)


@pytest.mark.parametrize("window", [None, 4])
def test_grouped_attention_row_has_the_same_bits_in_company(window: int | None) -> None:
    company, alone = lay_out([9, 21, 22]), lay_out([21])
    qkv = draw_qkv(company)
    together = GroupedAttention(company, device=CPU).attend(*qkv, scale=SCALE, window=window)
    row = [torch.zeros(alone.num_computed_tokens, NUM_HEADS, HEAD_DIM) for _ in qkv]
    for x, whole in zip(row, qkv, strict=True):
        x[:21] = whole[9:30]
    lonely = GroupedAttention(alone, device=CPU).attend(*row, scale=SCALE, window=window)
    torch.testing.assert_close(together[9:30], lonely[:21], atol=1e-6, rtol=0)


def test_grouped_attention_two_windows_in_turn_do_not_mix() -> None:
    batch = lay_out([40, 23])
    qkv = draw_qkv(batch)
    attention = GroupedAttention(batch, device=CPU)
    for window in (None, 2, None, 9, 2):
        output = attention.attend(*qkv, scale=SCALE, window=window)
        torch.testing.assert_close(
            output, attend_plainly(batch, qkv, window=window), atol=1e-6, rtol=1e-5
        )


def test_grouped_attention_bfloat16_stays_bfloat16() -> None:
    batch = lay_out([3, 40])
    output = GroupedAttention(batch, device=CPU).attend(
        *draw_qkv(batch, dtype=torch.bfloat16), scale=SCALE, window=None
    )
    assert output.dtype == torch.bfloat16
    assert output.isfinite().all()


@pytest.mark.parametrize("row_lens", ROW_LENS)
@pytest.mark.parametrize("window", WINDOWS)
def test_varlen_attention_gives_the_kernel_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, row_lens: list[int], window: int | None
) -> None:
    batch = lay_out(row_lens)
    kernel = StrictKernel(batch)
    monkeypatch.setattr(VarlenAttention, "kernel", staticmethod(kernel))
    qkv = draw_qkv(batch)
    output = VarlenAttention(batch, device=CPU).attend(*qkv, scale=SCALE, window=window)
    grouped = GroupedAttention(batch, device=CPU).attend(*qkv, scale=SCALE, window=window)
    torch.testing.assert_close(output, grouped, atol=1e-6, rtol=1e-5)
    assert kernel.num_calls == 1


def test_varlen_attention_kernel_is_torchs_own() -> None:
    from torch.nn.attention.varlen import varlen_attn

    assert VarlenAttention.kernel is varlen_attn


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize("window", WINDOWS)
def test_varlen_attention_real_kernel_equals_plain_softmax(window: int | None) -> None:
    batch = lay_out([40, 7, 40, 1, 64, 7, 23])
    device = torch.device("cuda")
    qkv = draw_qkv(batch, dtype=torch.bfloat16)
    output = VarlenAttention(batch, device=device).attend(
        *(x.to(device) for x in qkv), scale=SCALE, window=window
    )
    expected = attend_plainly(batch, [x.float() for x in qkv], window=window)
    torch.testing.assert_close(output.float().cpu(), expected, atol=2e-2, rtol=2e-2)
    assert not output[batch.num_tokens :].any()


@pytest.mark.parametrize(
    ("device", "dtype", "capability", "expected"),
    [
        pytest.param("cpu", torch.bfloat16, None, GroupedAttention, id="cpu"),
        pytest.param("cuda", torch.bfloat16, (8, 0), VarlenAttention, id="ampere"),
        pytest.param("cuda:1", torch.bfloat16, (9, 0), VarlenAttention, id="second-hopper"),
        pytest.param("cuda", torch.bfloat16, (7, 5), GroupedAttention, id="turing"),
        pytest.param("cuda", torch.float32, (9, 0), GroupedAttention, id="hopper-in-float32"),
    ],
)
def test_choose_attention_device_and_dtype_decide(
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    dtype: torch.dtype,
    capability: tuple[int, int] | None,
    expected: type[Attention],
) -> None:
    def get_capability(asked: torch.device) -> tuple[int, int]:
        assert asked == torch.device(device)
        assert capability is not None
        return capability

    monkeypatch.setattr(torch.cuda, "get_device_capability", get_capability)
    assert choose_attention(torch.device(device), dtype=dtype) is expected
