"""The transformers model that turns a packed batch into logits.

`PackedEncoder` computes real tokens only; `PaddedEncoder` serves every architecture that has no
entry in `PACKED_HEADS`. Both have the same interface.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from emotion_engine.attention import (
    PACKED_ATTENTION,
    choose_attention,
    register_packed_attention,
)
from emotion_engine.heads import PACKED_HEADS
from emotion_engine.packing import PackedBatch


class Encoder(Protocol):
    """From a packed batch to logits.

    Attributes:
        is_padded: whether every row costs as much as the longest of its batch.
    """

    is_padded: bool

    def compute_logits(self, batch: PackedBatch) -> torch.Tensor:
        """Returns (num_rows, num_labels) float32, in the order of the batch."""

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns how many tokens the forward pass of a batch computes."""


def load_encoder(folder: Path, *, device: torch.device, dtype: torch.dtype) -> Encoder:
    """Loads the model of a checkpoint folder: safetensors only, no remote code, eval mode."""
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    is_packed = config.model_type in PACKED_HEADS
    register_packed_attention()
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
        **({"attn_implementation": PACKED_ATTENTION} if is_packed else {}),
    ).eval()
    encoder = PackedEncoder if is_packed else PaddedEncoder
    return encoder(model, device=device, dtype=dtype)


class PackedEncoder:
    """Base model on one token stream, head on one vector a row."""

    is_padded = False

    def __init__(self, model: Any, *, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.head = PACKED_HEADS[model.config.model_type](model).to(device)
        self.base = model.base_model.to(device, dtype)
        self.attention = choose_attention(device, dtype=dtype)

    def compute_logits(self, batch: PackedBatch) -> torch.Tensor:
        """Returns logits; see `Encoder.compute_logits`."""
        ids, positions, cu_seqlens = (
            torch.from_numpy(x).to(self.device, non_blocking=True)
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


class PaddedEncoder:
    """The stock model on a right-padded rectangle, for architectures that cannot run packed."""

    is_padded = True

    def __init__(self, model: Any, *, device: torch.device, dtype: torch.dtype) -> None:
        self.device = device
        self.model = model.to(device, dtype)
        self.padding_id = model.config.pad_token_id or 0

    def compute_logits(self, batch: PackedBatch) -> torch.Tensor:
        """Returns logits; see `Encoder.compute_logits`."""
        mask = np.arange(batch.row_lens.max()) < batch.row_lens[:, None]  # (num_rows, longest)
        ids = np.full(mask.shape, self.padding_id, dtype=np.int64)
        ids[mask] = batch.input_ids[: batch.num_tokens]
        inputs = {"input_ids": ids, "attention_mask": mask.astype(np.int64)}
        outputs = self.model(**{k: torch.from_numpy(v).to(self.device) for k, v in inputs.items()})
        logits: torch.Tensor = outputs.logits.float()
        return logits

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the area of the rectangle."""
        return int(batch.num_rows * batch.row_lens.max())
