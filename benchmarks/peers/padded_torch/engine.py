"""Plain transformers in torch, in padded batches; it runs in this project's own environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from peers.batching_engine import BatchingEngine, Engine, Lanes, Model
from peers.padding import Row
from transformers import AutoModelForSequenceClassification


def open_engine(
    checkpoint: Path, *, kind: str, num_threads: int, folder: Path, calibration: Sequence[Row]
) -> Engine:
    """Loads a checkpoint.

    Args:
        checkpoint: its folder.
        kind: a torch dtype, "float32" or "bfloat16".
        num_threads: of all lanes together.
        folder: not used.
        calibration: not used.
    """
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, dtype=getattr(torch, kind), use_safetensors=True
    ).eval()

    def load(lanes: Lanes) -> Model:
        def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
            torch.set_num_threads(lanes.num_threads)  # holds for the calling thread
            with torch.inference_mode():
                input_ids, attention_mask = torch.from_numpy(ids), torch.from_numpy(mask)
                logits = model(input_ids=input_ids, attention_mask=attention_mask).logits
                return np.asarray(logits.float().numpy())

        return run

    return BatchingEngine(load, num_threads=num_threads)
