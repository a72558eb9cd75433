"""The formats that can be scored, by the suffix of a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from emotion_training.errors import DataError

from emotion_scoring.csv_source import CsvSource
from emotion_scoring.jsonl_source import JsonlSource
from emotion_scoring.parquet_source import ParquetSource
from emotion_scoring.source import Source

_SOURCES: dict[str, Callable[[Path, str], Source]] = {
    ".parquet": ParquetSource,
    ".csv": CsvSource,
    ".jsonl": JsonlSource,
}
SUFFIXES = tuple(_SOURCES)


def find_source(path: Path, *, column: str) -> Source:
    """Returns a file in the format that its suffix names.

    Raises:
        DataError: its suffix is another one.
    """
    build = _SOURCES.get(path.suffix.lower())
    if build is None:
        raise DataError(f"{path}: its suffix is {path.suffix!r}; give a file of {_list_suffixes()}")
    return build(path, column)


def _list_suffixes() -> str:
    return ", ".join(SUFFIXES)
