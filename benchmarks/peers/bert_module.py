"""A BERT classifier of transformers as a module that can be traced and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import BertForSequenceClassification

INPUT_NAMES = ("input_ids", "attention_mask")


class BertModule(torch.nn.Module):
    """Token ids and mask in, logits out.

    Args:
        checkpoint: its folder.
        attention: transformers' implementation of attention. "eager" has the operators that the
            fusions of ONNX Runtime look for.
    """

    def __init__(self, checkpoint: Path, *, attention: str) -> None:
        super().__init__()
        self.bert = BertForSequenceClassification.from_pretrained(
            checkpoint, attn_implementation=attention, use_safetensors=True
        )
        self.eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
        """Returns (num_rows, num_labels) float32."""
        return self.bert(input_ids=input_ids, attention_mask=attention_mask).logits


def make_example() -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids and mask to trace with; the mask has padding, so that it stays in the graph."""
    input_ids, attention_mask = (torch.ones(2, 7, dtype=torch.int64) for _ in range(2))
    attention_mask[1, 4:] = 0
    return input_ids, attention_mask
