"""Whole numbers on a command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def count_up_to(most: int) -> Callable[[str], int]:
    """Returns what makes a whole number of a text: 1 to `most`, digits alone."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 to {most}")
        return int(text)

    return parse
