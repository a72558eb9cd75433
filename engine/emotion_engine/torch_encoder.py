"""The encoders in torch: without padding where the architecture can, with padding elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging as transformers_logging

from emotion_engine.attention import (
    PACKED_ATTENTION,
    VarlenAttention,
    choose_attention,
    register_packed_attention,
)
from emotion_engine.errors import ForwardRefused, OutOfMemory, SettingsError
from emotion_engine.graphs import Capture, CudaCapture, GraphedForward
from emotion_engine.heads import PACKED_HEADS
from emotion_engine.packing import PackedBatch, token_sizes
from emotion_engine.padding import (
    FORWARD_ERRORS,
    choose_padding_id,
    find_end_id,
    is_padding_harmless,
    lay_out,
    run_model,
)
from emotion_engine.processor import choose_num_threads

# Two cores with AVX-512, all-MiniLM-L6-v2 in bf16, 64 lyrics of 10 to 128 tokens: 107 rows/s at
# 1,024 tokens per forward; 113 at 2,048, 4,096 and 8,192 (2026-11). Small forwards warm up faster.
DEFAULT_BATCH_TOKENS = {"cpu": 2048, "cuda": 16384}


def load_torch_encoder(
    folder: Path,
    *,
    device: str,
    dtype: str,
    is_padded: bool,
    num_threads: int,
    max_length: int,
    reason: str,
    has_graphs: bool,
) -> PackedEncoder | PaddedEncoder:
    """Loads the model of a checkpoint folder: safetensors only, no remote code, eval mode.

    Args:
        folder: a prepared checkpoint.
        device: where to run.
        dtype: "float32" or "bfloat16".
        is_padded: compute padding, although the architecture may not need it.
        num_threads: CPU threads of torch in this process, at most one for each core that is ours;
            0 is as many as torch has.
        max_length: tokens of the longest row.
        reason: why torch computes, for the log.
        has_graphs: launch a forward pass as one CUDA graph.

    Raises:
        SettingsError: CUDA graphs are wanted, which cannot run here.
    """
    torch.set_num_threads(choose_num_threads(num_threads or torch.get_num_threads()))
    transformers_logging.disable_progress_bar()  # it would be noise in a server's log
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
    ).eval()
    # A decoder needs causal attention, which the packed kernels do not have.
    is_decoder = getattr(model.config, "is_decoder", False)
    can_be_packed = model.config.model_type in PACKED_HEADS and not is_decoder
    place: dict[str, Any] = {
        "device": torch.device(device),
        "dtype": getattr(torch, dtype),
        "reason": reason,
    }
    if can_be_packed and not is_padded:
        encoder = PackedEncoder(model, **place)
        if has_graphs:
            encoder.use_graphs(CudaCapture(encoder.device), max_length=max_length)
        return encoder
    if has_graphs:
        raise SettingsError("cuda_graphs is 'on', but this model is padded; choose 'off'")
    return PaddedEncoder(model, **place, max_length=max_length)


def send(array: NDArray[Any], *, device: torch.device) -> torch.Tensor:
    """Returns an array as a tensor on the device; the copy to a GPU is asynchronous."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":  # a copy from pageable memory would block the host
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class _TorchEncoder:
    """What both encoders in torch share."""

    name: str
    is_padded: bool
    end_id = 0

    def __init__(self, *, device: torch.device, reason: str) -> None:
        self.device = device
        self.reason = reason
        self.default_batch_tokens = DEFAULT_BATCH_TOKENS[device.type]

    def __str__(self) -> str:
        return f"{self.name} ({self.reason})"

    def sizes_to_warm(self, max_batch_tokens: int) -> tuple[int, ...]:
        """Returns all of `token_sizes`."""
        return token_sizes(max_batch_tokens)

    def compute_logits(self, batch: PackedBatch) -> NDArray[np.float32]:
        """Returns logits; see `Encoder.compute_logits`."""
        with suppress(torch.OutOfMemoryError), torch.inference_mode():
            logits: NDArray[np.float32] = self._compute(batch).cpu().numpy()
            return logits
        torch.cuda.empty_cache()  # only now: the exception held tensors
        raise OutOfMemory(f"the device has no memory for {batch}")

    def _compute(self, batch: PackedBatch) -> torch.Tensor:
        raise NotImplementedError


class PackedEncoder(_TorchEncoder):
    """Base model on one token stream, head on one vector per row, both in torch."""

    name, is_padded = "encoder in torch", False

    def __init__(
        self, model: Any, *, device: torch.device, dtype: torch.dtype, reason: str
    ) -> None:
        super().__init__(device=device, reason=reason)
        self.head = PACKED_HEADS[model.config.model_type](model).to(device)
        register_packed_attention()
        model.set_attn_implementation(PACKED_ATTENTION)
        self.base = model.base_model.to(device, dtype)
        head_dim = model.config.hidden_size // model.config.num_attention_heads
        self.attention = choose_attention(device, dtype=dtype, head_dim=head_dim)
        self.graphs: GraphedForward | None = None

    def use_graphs(self, capture: Capture, *, max_length: int) -> None:
        """Captures each size of forward pass at its first batch, and replays it from then on.

        Args:
            capture: such as `CudaCapture`.
            max_length: tokens of the longest row.

        Raises:
            SettingsError: the kernel of attention needs to know more of a batch than a graph.
        """
        if self.attention is not VarlenAttention:
            raise SettingsError(
                f"cuda_graphs is 'on', but this model runs without FlashAttention on {self.device} "
                f"in {self.base.dtype}; it needs bfloat16, compute capability 8 and heads of a "
                "multiple of 8, at most 256; choose 'off'"
            )
        self.graphs = GraphedForward(
            self._forward, capture=capture, device=self.device, max_length=max_length
        )

    def sizes_to_warm(self, max_batch_tokens: int) -> tuple[int, ...]:
        """Returns all of `token_sizes`; with graphs the largest first, whose memory all share."""
        sizes = super().sizes_to_warm(max_batch_tokens)
        return sizes if self.graphs is None else sizes[::-1]

    def _compute(self, batch: PackedBatch) -> torch.Tensor:
        positions = self.head.positions(batch)
        logits = None if self.graphs is None else self.graphs.compute(batch, positions)
        if logits is not None:
            return logits
        inputs = (batch.input_ids, positions, batch.cu_seqlens)
        return self._forward(batch, *(send(x, device=self.device) for x in inputs))

    def _forward(
        self,
        batch: PackedBatch,
        ids: torch.Tensor,
        positions: torch.Tensor,
        cu_seqlens: torch.Tensor,
    ) -> torch.Tensor:
        hidden = self.base(
            input_ids=ids.unsqueeze(0),  # (1, num_computed_tokens)
            position_ids=positions.unsqueeze(0),
            packed=self.attention(batch, cu_seqlens=cu_seqlens),
        ).last_hidden_state[0]  # (num_computed_tokens, hidden_size)
        logits: torch.Tensor = self.head(hidden, cu_seqlens)
        return logits

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the size of the stream."""
        return batch.num_computed_tokens


class PaddedEncoder(_TorchEncoder):
    """The stock model, for architectures that cannot run packed: on a right-padded rectangle.

    Where padding would change the answers, each forward has rows of one length.

    Args:
        model: in float32.
        device: where to run.
        dtype: to compute in.
        reason: why it is used, for the log.
        max_length: tokens of the longest row.
    """

    def __init__(
        self,
        model: Any,
        *,
        device: torch.device,
        dtype: torch.dtype,
        reason: str,
        max_length: int,
    ) -> None:
        super().__init__(device=device, reason=reason)
        self.padding_id = choose_padding_id(model)
        self.end_id = find_end_id(model) or 0
        self.is_padded = is_padding_harmless(
            model, padding_id=self.padding_id, max_length=max_length
        )
        self.name = "padding encoder in torch" if self.is_padded else "torch, one length at a time"
        self.model = model.to(device, dtype)

    def _compute(self, batch: PackedBatch) -> torch.Tensor:
        with refusals_named(batch):
            return self._compute_rows(batch)

    def _compute_rows(self, batch: PackedBatch) -> torch.Tensor:
        if self.is_padded:
            return self._forward(batch.input_ids[: batch.num_tokens], batch.row_lens)
        lens, starts = np.unique(batch.row_lens, return_index=True)  # rows come shortest first
        spans = zip(starts, [*starts[1:], batch.num_rows], strict=True)
        return torch.cat(
            [
                self._forward(
                    batch.input_ids[batch.cu_seqlens[start] : batch.cu_seqlens[end]],
                    np.full(end - start, row_len),
                )
                for row_len, (start, end) in zip(lens, spans, strict=True)
            ]
        )

    def _forward(self, input_ids: NDArray[np.int64], row_lens: NDArray[np.int64]) -> torch.Tensor:
        ids, mask = lay_out(input_ids, row_lens, padding_id=self.padding_id)
        return run_model(
            self.model,
            input_ids=send(ids, device=self.device),
            attention_mask=send(mask, device=self.device),
        )

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the area of the rectangle, or of all rectangles."""
        longest = int(batch.row_lens.max())
        return longest * batch.num_rows if self.is_padded else batch.num_tokens


@contextmanager
def refusals_named(batch: PackedBatch) -> Iterator[None]:
    """Raises ForwardRefused for an error of the model's own code. It holds numbers, not text."""
    try:
        yield
    except (torch.OutOfMemoryError, torch.AcceleratorError):
        raise
    except FORWARD_ERRORS as error:
        reason = str(error).partition("\n")[0]
        raise ForwardRefused(f"the model cannot compute {batch}: {reason}") from error
