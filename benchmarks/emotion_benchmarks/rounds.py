"""Rounds of a measurement, in which everything that is measured takes its turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from emotion_command.errors import Refusal

T = TypeVar("T")
MIN_ROUND_SIZE = 100  # fewer have no tenths


@dataclass(frozen=True)
class Lap:
    """One turn of one thing.

    Attributes:
        num_texts: answered, at least 1.
        wall_s: seconds that it took, above 0.
        caller_cpu_s: processor seconds of this process in that time, all threads together.
    """

    num_texts: int
    wall_s: float
    caller_cpu_s: float

    @property
    def texts_per_s(self) -> float:
        """The rate."""
        return self.num_texts / self.wall_s


def check_rounds(num_rounds: int, **totals: int) -> None:
    """Refuses rounds that are too small.

    Args:
        num_rounds: what each number is divided by.
        totals: the numbers, by the name of their option.

    Raises:
        Refusal: a round has fewer than `MIN_ROUND_SIZE`.
    """
    least = MIN_ROUND_SIZE * num_rounds
    for option, number in totals.items():
        if number < least:
            raise Refusal(
                f"--{option} is {number}; {num_rounds} rounds need at least {least}, "
                "or give fewer --rounds"
            )


def rotate(items: Sequence[T], *, round_number: int) -> list[T]:
    """Returns the order of a round: each item is first, second, ... in turn."""
    start = round_number % max(len(items), 1)
    return [*items[start:], *items[:start]]


def spread(items: Sequence[T], *, round_number: int, num_rounds: int) -> list[T]:
    """Returns the order of a round; over all rounds, each item's places are far apart."""
    return rotate(items, round_number=round_number * len(items) // num_rounds)
