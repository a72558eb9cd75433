"""The classifier in plain transformers: a batch padded to its longest text, one forward pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


class PaddedModel:
    """A loaded checkpoint.

    Args:
        checkpoint: its folder.
        dtype: of the weights, as "bfloat16".
        device: a torch device.
        num_sharing: processes that share the cores, this one included.
    """

    def __init__(self, checkpoint: Path, *, dtype: str, device: str, num_sharing: int) -> None:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // num_sharing))
        self._device = device
        self._tokenizer = AutoTokenizer.from_pretrained(checkpoint)
        self._model = AutoModelForSequenceClassification.from_pretrained(
            checkpoint, dtype=getattr(torch, dtype), use_safetensors=True
        )
        self._model.eval().to(device)

    def predict(self, texts: Sequence[str]) -> list[dict[str, str | float]]:
        """Returns label and score of each text."""
        batch = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**batch.to(self._device)).logits  # (num_texts, num_labels)
        scores, ids = logits.float().softmax(dim=1).max(dim=1)
        names = self._model.config.id2label
        return [
            {"label": names[i], "score": score}
            for i, score in zip(ids.tolist(), scores.tolist(), strict=True)
        ]


def find_device() -> str:
    """Returns the device to compute on."""
    return "cuda" if torch.cuda.is_available() else "cpu"
