"""A fake of what gives texts their scores, which can stop in the middle of its work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from emotion_scoring.errors import ScorerError
from emotion_scoring.scorer import Facts, Texts
from emotion_scoring.scores import Scores
from emotion_scoring.text_check import find_problem

LABELS = ("joy", "sadness")
REVISION = "ab" * 32
MAX_LEN = 40  # characters of a text that it reads


class FakeScorer:
    """Finds joy in a text by its length.

    Args:
        max_texts: after that many it stops with an error, as a server that dies; None for never.
        revision: of its answers.
        on_batch: called before each batch.

    Attributes:
        texts: all that it was asked for, in order.
    """

    def __init__(
        self,
        *,
        max_texts: int | None = None,
        revision: str = REVISION,
        on_batch: Callable[[], object] = lambda: None,
    ) -> None:
        self.facts = Facts("a fake", LABELS, revision)
        self.max_texts, self.on_batch = max_texts, on_batch
        self.texts: list[object] = []

    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = lambda _: None
    ) -> Iterator[Scores]:
        for batch in batches:
            if self.max_texts is not None and len(self.texts) + len(batch) > self.max_texts:
                raise ScorerError("the fake stopped")
            self.on_batch()
            self.texts += batch
            yield score(batch, revision=self.facts.revision)
            advance(len(batch))

    def close(self) -> None:
        pass


def score(texts: Texts, *, revision: str = REVISION) -> Scores:
    """Returns what the fake says of these texts."""
    errors = [find_problem(text) for text in texts]
    pairs = list(zip(texts, errors, strict=True))
    joy = [np.nan if error else find_joy(str(text)) for text, error in pairs]
    truncated = [error is None and len(str(text)) > MAX_LEN for text, error in pairs]
    probabilities = np.array([[each, 1 - each] for each in joy], dtype=np.float32)
    probabilities = probabilities.reshape(-1, len(LABELS))
    return Scores(LABELS, revision, probabilities, np.array(truncated, dtype=bool), errors)


def find_joy(text: str) -> float:
    """Returns a tenth for each character of the last ten."""
    return (len(text) % 10) / 10
