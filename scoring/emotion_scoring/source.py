"""A file to score, read part by part."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from emotion_scoring.scorer import Texts

# What is in memory at a time: a few pieces and what waits in a writer, however large a part is.
PIECE_ROWS = 1024
PIECE_CHARS = 4 << 20
Record = dict[str, Any]
Rows = Any  # a pyarrow.Table of a Parquet file, else a list of records


@dataclass(frozen=True)
class Piece:
    """Consecutive rows of a part, few enough for memory.

    Attributes:
        part: number of the part, from 0. Its rows are written together.
        rows: all their columns.
        texts: what each row has in the text column.
        is_first: whether the part begins with it.
        is_last: whether the part ends with it.
    """

    part: int
    rows: Rows
    texts: Texts
    is_first: bool
    is_last: bool


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

    def read(self, *, rows_per_part: int, wanted: Container[int]) -> Iterator[Piece]:
        """Yields the parts in pieces, in order; those that are not wanted may be left out.

        Raises:
            DataError: it cannot be read any more.
        """


def cut_pieces(
    records: Iterable[tuple[Record, int]], *, column: str, rows_per_part: int
) -> Iterator[Piece]:
    """Cuts a file that can only be read from its beginning.

    Args:
        records: each with its size in the file, in characters.
        column: of the texts.
        rows_per_part: rows of each part but the last.
    """
    start, rows, size = 0, list[Record](), 0

    def build(*, is_end: bool) -> Piece:
        part, offset = divmod(start, rows_per_part)
        is_last = is_end or offset + len(rows) == rows_per_part
        texts = [row.get(column) for row in rows]
        return Piece(part, rows, texts, is_first=offset == 0, is_last=is_last)

    for record, num_chars in records:
        is_full = len(rows) == PIECE_ROWS or size + num_chars > PIECE_CHARS
        if rows and (is_full or (start + len(rows)) % rows_per_part == 0):
            yield build(is_end=False)
            start, rows, size = start + len(rows), [], 0
        rows.append(record)
        size += num_chars
    if rows:
        yield build(is_end=True)
