"""The encoders in torch: without padding where the architecture can, with padding elsewhere."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification
from transformers.utils import logging as transformers_logging

from emotion_engine.attention import (
    PACKED_ATTENTION,
    choose_attention,
    register_packed_attention,
)
from emotion_engine.errors import OutOfMemory
from emotion_engine.heads import PACKED_HEADS
from emotion_engine.packing import PackedBatch, token_sizes
from emotion_engine.processor import count_cores

# Two cores with AVX-512, all-MiniLM-L6-v2 in bf16, 64 lyrics of 10 to 128 tokens: 107 rows/s at
# 1,024 tokens per forward; 113 at 2,048, 4,096 and 8,192 (2026-11). Small forwards warm up faster.
DEFAULT_BATCH_TOKENS = {"cpu": 2048, "cuda": 16384}


def load_torch_encoder(
    folder: Path, *, device: str, dtype: str, is_padded: bool, num_threads: int, reason: str
) -> PackedEncoder | PaddedEncoder:
    """Loads the model of a checkpoint folder: safetensors only, no remote code, eval mode.

    Args:
        folder: a prepared checkpoint.
        device: where to run.
        dtype: "float32" or "bfloat16".
        is_padded: compute padding, although the architecture may not need it.
        num_threads: CPU threads of torch in this process; 0 is one for each core that is ours, but
            not more than torch has.
        reason: why torch computes, for the log.
    """
    torch.set_num_threads(num_threads or min(count_cores(), torch.get_num_threads()))
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
    encoder = PackedEncoder if can_be_packed and not is_padded else PaddedEncoder
    return encoder(model, device=torch.device(device), dtype=getattr(torch, dtype), reason=reason)


def send(array: NDArray[Any], *, device: torch.device) -> torch.Tensor:
    """Returns an array as a tensor on the device; the copy to a GPU is asynchronous."""
    tensor = torch.from_numpy(array)
    if device.type == "cuda":  # a copy from pageable memory would block the host
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class _TorchEncoder:
    """What both encoders in torch share."""

    name: str

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
        self.attention = choose_attention(device, dtype=dtype)

    def _compute(self, batch: PackedBatch) -> torch.Tensor:
        ids, positions, cu_seqlens = (
            send(x, device=self.device)
            for x in (batch.input_ids, self.head.positions(batch), batch.cu_seqlens)
        )
        hidden = self.base(
            input_ids=ids.unsqueeze(0),  # (1, num_computed_tokens)
            position_ids=positions.unsqueeze(0),
            packed=self.attention(batch, device=self.device),
        ).last_hidden_state[0]  # (num_computed_tokens, hidden_size)
        logits: torch.Tensor = self.head(hidden, cu_seqlens)
        return logits

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the size of the stream."""
        return batch.num_computed_tokens


class PaddedEncoder(_TorchEncoder):
    """The stock model on a right-padded rectangle, for architectures that cannot run packed."""

    name, is_padded = "padding encoder in torch", True

    def __init__(
        self, model: Any, *, device: torch.device, dtype: torch.dtype, reason: str
    ) -> None:
        super().__init__(device=device, reason=reason)
        self.model = model.to(device, dtype)
        self.padding_id = model.config.pad_token_id or 0

    def _compute(self, batch: PackedBatch) -> torch.Tensor:
        mask = np.arange(batch.row_lens.max()) < batch.row_lens[:, None]  # (num_rows, longest)
        ids = np.full(mask.shape, self.padding_id, dtype=np.int64)
        ids[mask] = batch.input_ids[: batch.num_tokens]
        inputs = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
        outputs = self.model(**{k: send(v, device=self.device) for k, v in inputs.items()})
        logits: torch.Tensor = outputs.logits.float()
        return logits

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the area of the rectangle."""
        return int(batch.num_rows * batch.row_lens.max())
