"""Rounds of a measurement, in which everything that is measured takes its turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def rotate(items: Sequence[T], *, round_number: int) -> list[T]:
    """Returns the order of a round: each item is first, second, ... in turn."""
    start = round_number % len(items)
    return [*items[start:], *items[:start]]
