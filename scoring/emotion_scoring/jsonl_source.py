"""JSONL, read part by part."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion_training.errors import DataError
from emotion_training.readers import list_names, parse_json

from emotion_scoring.source import Contents, Piece, Record, cut_pieces
from emotion_scoring.text_lines import read_lines

# Greater integers than the first limit are not all float64s, greater than the second no int64s.
INTS = ((2**53, "int"), (2**63 - 1, "int64"), (math.inf, "long"))


@dataclass(frozen=True)
class JsonlSource:
    """A file with a JSON object on each line; blank lines are skipped.

    Attributes:
        path: UTF-8 with or without a byte order mark.
        column: the key of the text. A row without it has no text.
    """

    path: Path
    column: str

    def inspect(self) -> Contents:
        """See `Source.inspect`."""
        num_rows = 0
        kinds: dict[str, set[str]] = {}  # by key, in the order of their first appearance
        for record, _ in self._read_records():
            num_rows += 1
            for key, value in record.items():
                kinds.setdefault(key, set()).add(_name_kind(value))
        if num_rows and self.column not in kinds:
            raise DataError(
                f"{self.path}: has no {self.column!r}; it has {list_names(list(kinds))}: choose"
                " with --column"
            )
        return Contents(num_rows, _build_schema(kinds))

    def read(self, *, rows_per_part: int, wanted: Container[int]) -> Iterator[Piece]:
        """See `Source.read`."""
        return cut_pieces(self._read_records(), column=self.column, rows_per_part=rows_per_part)

    def _read_records(self) -> Iterator[tuple[Record, int]]:
        for number, line in enumerate(read_lines(self.path, newline=None), start=1):
            content = line.rstrip("\n")
            if content.strip(" "):
                yield parse_json(content, where=f"{self.path}: line {number}"), len(line)


def _name_kind(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return next(name for limit, name in INTS if abs(value) <= limit)
    return type(value).__name__


def _build_schema(kinds: dict[str, set[str]]) -> Any:
    """Returns the types for Parquet; values of several types, lists and objects are JSON there."""
    import pyarrow

    fields = []
    for key, found in kinds.items():
        known = found - {"NoneType"}
        if known == {"bool"}:
            kind = pyarrow.bool_()
        elif known and known <= {"int", "int64"}:
            kind = pyarrow.int64()
        elif known and known <= {"int", "float"}:
            kind = pyarrow.float64()
        else:
            kind = pyarrow.string()
        fields.append((key, kind))
    return pyarrow.schema(fields)
