"""What the client returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Prediction:
    """The emotion of one text. Unpacks as `label, confidence`.

    Attributes:
        label: the most probable label.
        confidence: its probability, 0 to 1.
        scores: probability of every label, in the order of the model's outputs.
        num_tokens: tokens of the text before truncation, including special tokens.
        truncated: whether the text was longer than the model reads.
        revision: of the checkpoint that answered, 64 hex digits.

    Example:
        >>> prediction = Prediction("joy", 0.9, {"anger": 0.1, "joy": 0.9}, 5, False, "0" * 64)
        >>> label, confidence = prediction
        >>> label, confidence
        ('joy', 0.9)
    """

    label: str
    confidence: float
    scores: Mapping[str, float]
    num_tokens: int
    truncated: bool
    revision: str

    def __iter__(self) -> Iterator[Any]:
        """Yields label and confidence."""
        yield self.label
        yield self.confidence
