"""argparse types for numbers, and for values that a function checks."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# At most 18 digits: int() raises its own error for very long ones.
INTEGER = re.compile(r"-?[0-9]{1,18}")


def integer(low: int, high: int) -> Callable[[str], int]:
    """Returns an argparse type: an integer from `low` to `high`."""

    def parse(text: str) -> int:
        if not INTEGER.fullmatch(text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"expected an integer from {low} to {high}, got {text!r}"
            )
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """Returns an argparse type: a number from `low` to `high`."""
    return _number(lambda value: low <= value <= high, f"from {low:.15g} to {high:.15g}")


def number_above(low: float, high: float) -> Callable[[str], float]:
    """Returns an argparse type: a number greater than `low` and at most `high`."""
    wanted = f"greater than {low:.15g} and at most {high:.15g}"
    return _number(lambda value: low < value <= high, wanted)


def checked(check: Callable[[str], T]) -> Callable[[str], T]:
    """Returns an argparse type from a function that raises ValueError with a sentence."""

    def parse(text: str) -> T:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


def _number(is_allowed: Callable[[float], bool], wanted: str) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not is_allowed(value):
            raise argparse.ArgumentTypeError(f"expected a number {wanted}, got {text!r}")
        return value

    return parse
