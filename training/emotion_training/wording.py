"""Words that messages are made of."""

from __future__ import annotations


def count(number: int, noun: str, *, separator: str = "") -> str:
    """Returns "1 text" or "2 texts"; with the separator ",", also "2,000 texts"."""
    return f"{number:{separator}} {noun}" + "s" * (number != 1)


def name_type(value: object) -> str:
    """Returns the name of a value's type, as JSON and Parquet users know it."""
    return "null" if value is None else type(value).__name__


def first_line(error: Exception) -> str:
    """Returns the first line of the message of a library's error."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__
