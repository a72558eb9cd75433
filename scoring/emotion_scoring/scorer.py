"""What gives texts their scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from emotion_scoring.scores import Scores

Texts = Sequence[object]


@dataclass(frozen=True)
class Facts:
    """What scores the texts.

    Attributes:
        name: for people.
        labels: in the order of the scores.
        revision: of the checkpoint, 64 hex digits.
    """

    name: str
    labels: tuple[str, ...]
    revision: str


class Scorer(Protocol):
    """Scores texts, as fast as it can if it gets them as a stream.

    Attributes:
        facts: what it is.
    """

    @property
    def facts(self) -> Facts:
        """What it is."""

    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = ...
    ) -> Iterator[Scores]:
        """Yields the scores of each batch, in order, while it works on the next ones.

        Args:
            batches: texts; what is not a text gets an error. They may be read in another thread.
            advance: called with the number of texts just done.
        """

    def close(self) -> None:
        """Ends it."""
