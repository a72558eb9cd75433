"""The shape of an encoder, and how much work it is. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import AutoConfig, BertConfig, DistilBertConfig

NUM_LABELS = 6
RANDOM_MODELS = {"bert-base": BertConfig, "distilbert": DistilBertConfig}


@dataclass(frozen=True)
class Shape:
    """The matrices of a BERT-like encoder.

    Attributes:
        num_layers: its layers.
        hidden_size: width of a token.
        intermediate_size: width inside the feed-forward network.
    """

    num_layers: int
    hidden_size: int
    intermediate_size: int

    def matmuls(self) -> list[tuple[int, int]]:
        """Returns (inputs, outputs) of each matrix in a layer that a token is multiplied with."""
        h, i = self.hidden_size, self.intermediate_size
        return [(h, 3 * h), (h, h), (h, i), (i, h)]  # query, key and value are one

    def count_flops(self, row_lens: Sequence[int]) -> float:
        """Returns the floating-point operations that rows of these lengths need.

        These are matrices and attention; a multiplication and an addition are two operations.
        Padding does not count. Neither do outputs that are not used: these heads read each row's
        first token, so the last layer needs only keys and values of the others.
        """
        num_tokens, num_rows = sum(row_lens), len(row_lens)
        h = self.hidden_size
        weights = sum(inputs * outputs for inputs, outputs in self.matmuls())
        layer = weights * num_tokens + 2 * h * sum(each * each for each in row_lens)
        keys_and_values = 2 * h * h
        last = keys_and_values * num_tokens + (weights - keys_and_values) * num_rows
        return 2.0 * ((self.num_layers - 1) * layer + last + 2 * h * num_tokens)


def read_shape(config: AutoConfig) -> Shape:
    """Returns the shape that a transformers configuration describes."""
    return Shape(
        config.num_hidden_layers,
        config.hidden_size,
        getattr(config, "intermediate_size", None) or config.hidden_dim,
    )


def build_config(name: str) -> AutoConfig:
    """Returns the configuration of one of `RANDOM_MODELS`, for random weights."""
    return RANDOM_MODELS[name](num_labels=NUM_LABELS)
