"""A scorer that Ray Data and Spark can call with their batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from numpy.typing import NDArray

from emotion_scoring.scorer import Texts
from emotion_scoring.scores import Scores


class BatchScorer(ABC):
    """What scores batches in `map_batches` of Ray Data and in Spark; each worker makes its own.

    Args:
        column: the texts in the batches that it is called with.
        prefix: of the names of the columns that it adds.
    """

    def __init__(self, *, column: str, prefix: str) -> None:
        self.column, self.prefix = column, prefix

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Returns the columns of a batch and those that scoring adds.

        Args:
            batch: name to (num_rows,) array; what is not a string in `column` gets an error.

        Raises:
            Exception: as `score_all`.
        """
        return {**batch, **self.score(batch[self.column]).to_arrays(prefix=self.prefix)}

    def score(self, texts: Texts | NDArray[Any]) -> Scores:
        """Returns the scores of some texts.

        Raises:
            Exception: as `score_all`.
        """
        (scores,) = self.score_all([cast(Texts, texts)])
        return scores

    @abstractmethod
    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = lambda _: None
    ) -> Iterator[Scores]:
        """See `Scorer`."""
