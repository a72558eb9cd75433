"""What came of many texts, and the exit code that it means. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emotion_client.errors import EmotionError, InvalidInput
from emotion_client.prediction import Prediction


@dataclass
class Tally:
    """What came of the texts so far.

    Attributes:
        num_texts: all of them.
        num_bad: those that can never be classified.
        num_failed: those that the service did not answer.
        num_failed_in_a_row: of these, the last ones without an answer between them.
        first_bad: what was wrong with the first one.
        first_failure: why the first one had no answer.
    """

    num_texts: int = 0
    num_bad: int = 0
    num_failed: int = 0
    num_failed_in_a_row: int = 0
    first_bad: str = ""
    first_failure: str = ""

    def add(self, answer: Prediction | EmotionError) -> None:
        """Counts one more text."""
        self.num_texts += 1
        if isinstance(answer, InvalidInput):
            self.num_bad += 1
            self.first_bad = self.first_bad or str(answer)
        elif isinstance(answer, EmotionError):
            self.num_failed += 1
            self.num_failed_in_a_row += 1
            self.first_failure = self.first_failure or str(answer)
        else:
            self.num_failed_in_a_row = 0

    def describe(self) -> Iterator[str]:
        """Yields a sentence for each kind of text that has no answer."""
        if self.num_bad:
            share = f"{self.num_bad} of {self.num_texts}"
            yield f"bad input: {share} texts; the first: {self.first_bad}"
        if self.num_failed:
            share = f"{self.num_failed} of {self.num_texts}"
            yield f"no answer: {share} texts; the first: {self.first_failure}"

    def exit_code(self) -> int:
        """Returns 2 for bad input, else 1 where the service failed, else 0."""
        return 2 if self.num_bad else 1 if self.num_failed else 0
