"""What a job has done, in numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from emotion_training.wording import count


@dataclass
class Tally:
    """What a job has done.

    Attributes:
        failed_files: names of the files that could not be read.
        num_rows: rows that were written.
        num_errors: those among them with an error.
        seconds: that it took.
    """

    failed_files: set[str] = field(default_factory=set)
    num_rows: int = 0
    num_errors: int = 0
    seconds: float = 0.0

    def describe(self) -> Iterator[str]:
        """Yields a sentence for each thing worth to know."""
        if self.num_rows:
            rows = count(self.num_rows, "row", separator=",")
            rate = self.num_rows / self.seconds
            yield f"scored {rows} in {self.seconds:.0f} s, {rate:,.0f} per second"
        if self.num_errors:
            yield f"{count(self.num_errors, 'row')} could not be scored; column error says why"
