"""A file to score, read part by part."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from emotion_scoring.scorer import Texts

Record = dict[str, Any]
Rows = Any  # a pyarrow.Table of a Parquet file, else a list of records


@dataclass(frozen=True)
class Part:
    """Consecutive rows of a file, which are written together.

    Attributes:
        number: from 0.
        rows: all their columns.
        texts: what each row has in the text column.
    """

    number: int
    rows: Rows
    texts: Texts


@dataclass(frozen=True)
class Contents:
    """What a whole file has.

    Attributes:
        num_rows: number of rows.
        schema: a pyarrow.Schema of all rows together, for output in Parquet.
    """

    num_rows: int
    schema: Any


class Source(Protocol):
    """A file of one format."""

    def inspect(self) -> Contents:
        """Returns what the file has; reads all of it, unless the format says so by itself.

        Raises:
            DataError: it cannot be read, lacks the text column, or has a malformed row.
        """

    def read(self, *, rows_per_part: int, wanted: Container[int]) -> Iterator[Part]:
        """Yields the wanted parts, in order; keeps no more than one part of the file.

        Raises:
            DataError: it cannot be read any more.
        """


def cut_parts(
    records: Iterator[Record], *, column: str, rows_per_part: int, wanted: Container[int]
) -> Iterator[Part]:
    """Yields the wanted parts of a file that can only be read from its beginning."""
    number, rows = 0, list[Record]()
    for record in records:
        rows.append(record)
        if len(rows) == rows_per_part:
            if number in wanted:
                yield Part(number, rows, [row.get(column) for row in rows])
            number, rows = number + 1, []
    if rows and number in wanted:
        yield Part(number, rows, [row.get(column) for row in rows])
