"""Attention over a packed token stream; each row attends only to itself.

Two kernels share one signature, `attend(query, key, value, scale=..., window=...)` on tensors of
shape (num_computed_tokens, num_heads, head_dim): FlashAttention's variable-length kernel where the
device has it, else PyTorch's attention over groups of rows of similar length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

from emotion_engine.packing import PackedBatch

PACKED_ATTENTION = "packed"
GROUP_STEP = 16
MAX_FLASH_HEAD_DIM = 256


class Attention(Protocol):
    """Attention for the rows of one packed batch.

    Args:
        batch: its lengths.
        cu_seqlens: (num_rows + 1,) int64, those of the batch, on the device.
    """

    def __init__(self, batch: PackedBatch, *, cu_seqlens: torch.Tensor) -> None: ...

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float,
        window: int | None,
    ) -> torch.Tensor:
        """Attends within each row.

        Args:
            query: (num_computed_tokens, num_heads, head_dim).
            key: the same shape.
            value: the same shape.
            scale: factor on the scores, before the softmax.
            window: how far a token sees to either side; None is the whole row.

        Returns:
            (num_computed_tokens, num_heads, head_dim); zero at the filler.
        """


def choose_attention(device: torch.device, *, dtype: torch.dtype, head_dim: int) -> type[Attention]:
    """Returns the kernel for a device.

    FlashAttention needs CUDA, compute capability 8, bf16, and heads of a multiple of 8, at most
    256.
    """
    is_flash = (
        device.type == "cuda"
        and dtype == torch.bfloat16
        and head_dim % 8 == 0
        and head_dim <= MAX_FLASH_HEAD_DIM
        and torch.cuda.get_device_capability(device) >= (8, 0)
    )
    return VarlenAttention if is_flash else GroupedAttention


def register_packed_attention() -> None:
    """Makes `attn_implementation="packed"` known to transformers.

    It registers no mask function, so transformers builds no mask.
    """
    AttentionInterface.register(PACKED_ATTENTION, _packed_attention)


def _packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,  # (1, num_heads, num_computed_tokens, head_dim)
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,
    *,
    packed: Attention,
    scaling: float,
    sliding_window: int | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    # transformers counts the token itself: sliding_window is the reach to one side plus one.
    window = None if sliding_window is None else sliding_window - 1
    q, k, v = (x[0].transpose(0, 1) for x in (query, key, value))  # (tokens, num_heads, head_dim)
    return packed.attend(q, k, v, scale=scaling, window=window).unsqueeze(0), None


class VarlenAttention:
    """FlashAttention's kernel for packed sequences, `torch.nn.attention.varlen` (CUDA, bf16)."""

    def __init__(self, batch: PackedBatch, *, cu_seqlens: torch.Tensor) -> None:
        # Here, since it imports all of torch's compiler, which takes a second.
        from torch.nn.attention.varlen import varlen_attn

        self.kernel: Callable[..., Any] = varlen_attn
        self.cu_seqlens = cu_seqlens.int()
        self.max_len = int(batch.row_lens.max())
        self.num_tokens = batch.num_tokens

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float,
        window: int | None,
    ) -> torch.Tensor:
        """Attends within each row; see `Attention.attend`."""
        reach = -1 if window is None else window
        output: torch.Tensor = self.kernel(
            query,
            key,
            value,
            self.cu_seqlens,
            self.cu_seqlens,
            self.max_len,
            self.max_len,
            scale=scale,
            window_size=(reach, reach),
            num_splits=1,  # a row's result does not depend on the other rows
        )
        output[self.num_tokens :] = 0  # the kernel leaves the filler unwritten
        return output


@dataclass(frozen=True)
class _Group:
    """Rows of similar length, padded to one length.

    Attributes:
        num_rows: number of rows.
        padded_len: their length with padding.
        has_padding: whether any row is shorter than that.
        is_token: (num_rows, 1, 1, padded_len) bool, False at padding.
    """

    num_rows: int
    padded_len: int
    has_padding: bool
    is_token: torch.Tensor

    def mask(self, window: int | None) -> torch.Tensor | None:
        """Returns which keys a query sees, broadcastable to (rows, 1, len, len); None for all."""
        if window is None or window >= self.padded_len:
            return self.is_token if self.has_padding else None
        place = torch.arange(self.padded_len, device=self.is_token.device)
        is_near = (place[:, None] - place[None, :]).abs() <= window  # (len, len)
        # Softmax over nothing is NaN, so a padding query far from every token sees everything.
        # Its result is dropped.
        sees_nothing = ~(is_near & self.is_token).any(-1, keepdim=True)
        return (is_near & self.is_token) | sees_nothing


class GroupedAttention:
    """PyTorch's attention over groups of rows of similar length, on any device, in any dtype.

    A row's padded length depends only on its own length, so other rows do not change the shape in
    which it is computed.
    """

    def __init__(self, batch: PackedBatch, *, cu_seqlens: torch.Tensor) -> None:
        device = cu_seqlens.device
        row_lens = batch.row_lens  # ascending
        padded_lens = -(-row_lens // GROUP_STEP) * GROUP_STEP
        place = np.arange(padded_lens.max())
        gathered, kept, self.groups = [], [], list[_Group]()
        for padded_len in np.unique(padded_lens):
            chosen = padded_lens == padded_len
            is_token = place[:padded_len] < row_lens[chosen][:, None]  # (num_rows, padded_len)
            starts = batch.cu_seqlens[:-1][chosen][:, None]
            gathered.append(np.where(is_token, starts + place[:padded_len], 0).ravel())
            kept.append(is_token.ravel())
            mask = torch.from_numpy(is_token[:, None, None, :]).to(device)
            self.groups.append(
                _Group(int(chosen.sum()), int(padded_len), not bool(is_token.all()), mask)
            )
        self.gather = torch.from_numpy(np.concatenate(gathered)).to(device)
        self.keep = torch.from_numpy(np.flatnonzero(np.concatenate(kept))).to(device)
        self.masks = dict[int | None, list[torch.Tensor | None]]()

    def attend(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *,
        scale: float,
        window: int | None,
    ) -> torch.Tensor:
        """Attends within each row; see `Attention.attend`."""
        q, k, v = (x.index_select(0, self.gather) for x in (query, key, value))
        output = query.new_zeros(query.shape)
        padded = torch.empty_like(q)  # (padded tokens, num_heads, head_dim)
        start = 0
        for group, mask in zip(self.groups, self._masks(window), strict=True):
            end = start + group.num_rows * group.padded_len
            shape = (group.num_rows, group.padded_len, *query.shape[1:])
            rows_q, rows_k, rows_v = (
                x[start:end].view(shape).transpose(1, 2) for x in (q, k, v)
            )  # (num_rows, num_heads, padded_len, head_dim)
            result = scaled_dot_product_attention(
                rows_q, rows_k, rows_v, attn_mask=mask, scale=scale
            )
            padded[start:end].view(shape).copy_(result.transpose(1, 2))
            start = end
        output[: len(self.keep)] = padded.index_select(0, self.keep)
        return output

    def _masks(self, window: int | None) -> list[torch.Tensor | None]:
        if window not in self.masks:  # once a batch, not once a layer
            self.masks[window] = [group.mask(window) for group in self.groups]
        return self.masks[window]
