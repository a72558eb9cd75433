"""A model that is asked for probabilities: a checkpoint in this process, or a server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ModelError(Exception):
    """The model cannot be evaluated; the message says why and what to do."""


@dataclass(frozen=True)
class ModelFacts:
    """What a model says of itself.

    Attributes:
        name: of its folder, or its hub id, or the "host:port" of its server.
        is_served: whether a server answers.
        labels: label names in the order of the probabilities.
        max_length: tokens that it reads of a text, special ones included.
        revision: 64 hex digits as a server shows them; None where the folder is of another kind.
    """

    name: str
    is_served: bool
    labels: tuple[str, ...]
    max_length: int
    revision: str | None


class EvaluatedModel(Protocol):
    """What an evaluation needs of a model."""

    @property
    def facts(self) -> ModelFacts:
        """What it says of itself."""

    def count_steps(self, num_texts: int, *, batch_size: int) -> int:
        """Returns how many forward passes or requests `predict` takes."""

    def predict(
        self, texts: Sequence[str], *, batch_size: int, advance: Callable[[int], object]
    ) -> NDArray[np.float32]:
        """Returns (num_texts, num_labels) float32; a row sums to 1.

        Args:
            texts: what to classify.
            batch_size: texts under way at a time.
            advance: called with a number of texts when that many more are done.
        """


def check_problem_type(problem_type: str | None, *, name: str) -> None:
    """Refuses a model whose labels do not exclude each other.

    Raises:
        ModelError: it is such a model.
    """
    if problem_type == "multi_label_classification":
        raise ModelError(
            f"{name} is a multi_label_classification checkpoint; one label a text is needed here"
        )
