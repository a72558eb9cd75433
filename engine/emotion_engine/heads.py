"""Classification heads, separate from their base models.

The stock heads pool position 0 of a batch row. In a packed stream each text starts at a position
of its own, so base and head are called separately: the base on the stream, the head on one vector
per text. Heads are always float32: they cost little, and their rounding errors would go straight
into the logits. Each class takes its modules from the stock model that its docstring names
(transformers 5).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emotion_engine.packing import PackedBatch


class PackedHead(nn.Module):
    """Base of all heads: pools the first token of each row, then `classify`."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.config = model.config

    def pool(self, hidden: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        """Returns one vector per row.

        Args:
            hidden: (num_computed_tokens, hidden_size), the output of the base.
            cu_seqlens: (num_rows + 1,) int64.

        Returns:
            (num_rows, hidden_size) float32.
        """
        return hidden[cu_seqlens[:-1]].float()

    def classify(self, pooled: torch.Tensor) -> torch.Tensor:
        """Returns logits, (num_rows, num_labels) float32, for (num_rows, hidden_size) float32."""
        raise NotImplementedError

    def positions(self, batch: PackedBatch) -> NDArray[np.int64]:
        """Returns the position ids of the stream, (num_computed_tokens,) int64."""
        return batch.positions()

    def forward(self, hidden: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        """Returns logits, (num_rows, num_labels) float32."""
        return self.classify(self.pool(hidden, cu_seqlens))


class BertHead(PackedHead):
    """`BertForSequenceClassification`: tanh pooler of the base, then one linear layer."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.pooler, model.base_model.pooler = model.base_model.pooler, None
        self.classifier = model.classifier

    def classify(self, pooled: torch.Tensor) -> torch.Tensor:
        """Returns logits; see `PackedHead.classify`."""
        logits: torch.Tensor = self.classifier(self.pooler(pooled.unsqueeze(1)))
        return logits


class DistilBertHead(PackedHead):
    """`DistilBertForSequenceClassification`: linear, ReLU, linear."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.pre_classifier, self.classifier = model.pre_classifier, model.classifier

    def classify(self, pooled: torch.Tensor) -> torch.Tensor:
        """Returns logits; see `PackedHead.classify`."""
        logits: torch.Tensor = self.classifier(torch.relu(self.pre_classifier(pooled)))
        return logits


class RobertaHead(PackedHead):
    """`RobertaForSequenceClassification` and XLM-RoBERTa's; the stock head pools by itself."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.classifier = model.classifier

    def classify(self, pooled: torch.Tensor) -> torch.Tensor:
        """Returns logits; see `PackedHead.classify`."""
        logits: torch.Tensor = self.classifier(pooled.unsqueeze(1))
        return logits

    def positions(self, batch: PackedBatch) -> NDArray[np.int64]:
        """Returns RoBERTa's position ids."""
        return batch.positions_after(self.config.pad_token_id)


class ModernBertHead(PackedHead):
    """`ModernBertForSequenceClassification`: first token or mean, then its prediction head."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.head, self.classifier = model.head, model.classifier

    def pool(self, hidden: torch.Tensor, cu_seqlens: torch.Tensor) -> torch.Tensor:
        """Returns one vector per row; see `PackedHead.pool`."""
        if self.config.classifier_pooling == "cls":
            return super().pool(hidden, cu_seqlens)
        return torch.segment_reduce(hidden.float(), "mean", offsets=cu_seqlens)

    def classify(self, pooled: torch.Tensor) -> torch.Tensor:
        """Returns logits; see `PackedHead.classify`."""
        logits: torch.Tensor = self.classifier(self.head(pooled))
        return logits


PACKED_HEADS: dict[str, type[PackedHead]] = {
    "bert": BertHead,
    "distilbert": DistilBertHead,
    "roberta": RobertaHead,
    "xlm-roberta": RobertaHead,
    "modernbert": ModernBertHead,
}
"""`model_type` of config.json to head, for each architecture that runs packed."""
