"""What an evaluation needs of a model, in this process or on a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emotion_training.errors import ModelError


@dataclass(frozen=True)
class ModelFacts:
    """What is known about a model.

    Attributes:
        name: its folder's name, or its hub id, or the "host:port" of its server.
        is_served: whether it is on a server.
        labels: label names in the order of the probabilities.
        max_length: how many tokens of a text it reads, special tokens included.
        revision: 64 hex digits as a server shows them; None for a folder that is not served.
    """

    name: str
    is_served: bool
    labels: tuple[str, ...]
    max_length: int
    revision: str | None


class EvaluatedModel(Protocol):
    """A model that can be evaluated."""

    @property
    def facts(self) -> ModelFacts:
        """What is known about it."""

    def count_steps(self, num_texts: int, *, batch_size: int) -> int:
        """Returns how many forward passes or requests `predict` takes."""

    def predict(
        self, texts: Sequence[str], *, batch_size: int, advance: Callable[[int], object]
    ) -> NDArray[np.float32]:
        """Returns (num_texts, num_labels) float32; a row sums to 1.

        Args:
            texts: what to classify.
            batch_size: texts of one forward pass, or requests in flight.
            advance: called with the number of texts just done.
        """


def check_problem_type(problem_type: str | None, *, name: str) -> None:
    """Raises ModelError for a model that gives several labels to a text."""
    if problem_type == "multi_label_classification":
        raise ModelError(
            f"{name} is a multi_label_classification checkpoint; evaluation needs one label per"
            " text"
        )
