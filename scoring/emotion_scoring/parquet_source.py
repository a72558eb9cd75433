"""Parquet, read part by part."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from emotion_training.errors import DataError
from emotion_training.readers import holds_strings, list_names, spell_type, unwrap

from emotion_scoring.source import PIECE_ROWS, Contents, Piece
from emotion_scoring.strings import to_values

# A column of a row group is read in pieces of this size, however large the row group is.
BUFFER_BYTES = 1 << 20
PIECE_BYTES = 16 << 20


@dataclass(frozen=True)
class ParquetSource:
    """A Parquet file; all types of columns are kept.

    Attributes:
        path: the file.
        column: name of the text column.
    """

    path: Path
    column: str

    def inspect(self) -> Contents:
        """See `Source.inspect`; reads only the end of the file."""
        with self._open() as file:
            schema = file.schema_arrow
            self._check_column(schema)
            return Contents(file.metadata.num_rows, schema)

    def read(self, *, rows_per_part: int, wanted: Container[int]) -> Iterator[Piece]:
        """See `Source.read`; row groups without a wanted part are left out."""
        with self._open() as file:
            for start, batch in self._read_batches(file, rows_per_part, wanted):
                row, end = start, start + batch.num_rows
                while row < end:
                    part, offset = divmod(row, rows_per_part)
                    size = min(end - row, rows_per_part - offset)
                    is_last = offset + size == rows_per_part or (
                        row + size == file.metadata.num_rows
                    )
                    yield self._build_piece(
                        batch.slice(row - start, size),
                        part=part,
                        is_first=offset == 0,
                        is_last=is_last,
                    )
                    row += size

    def _read_batches(
        self, file: Any, rows_per_part: int, wanted: Container[int]
    ) -> Iterator[tuple[int, Any]]:
        """Yields batches with the number of their first row, from row groups that are wanted."""
        row = 0
        groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
        for is_wanted, run in groupby(
            _mark_wanted(groups, rows_per_part=rows_per_part, wanted=wanted), key=itemgetter(0)
        ):
            numbers = [number for _, number in run]
            if is_wanted:
                mean_bytes = max(
                    groups[i].total_byte_size // max(1, groups[i].num_rows) for i in numbers
                )
                size = max(1, min(PIECE_ROWS, PIECE_BYTES // max(1, mean_bytes)))
                start = row
                for batch in file.iter_batches(size, row_groups=numbers, use_threads=False):
                    yield start, batch
                    start += batch.num_rows
            row += sum(groups[i].num_rows for i in numbers)

    def _build_piece(self, batch: Any, *, part: int, is_first: bool, is_last: bool) -> Piece:
        import pyarrow

        table = pyarrow.Table.from_batches([batch])
        texts = to_values(table.column(self.column))
        return Piece(part, table, texts, is_first=is_first, is_last=is_last)

    def _check_column(self, schema: Any) -> None:
        from pyarrow import types

        if self.column not in schema.names:
            raise DataError(
                f"{self.path}: has no column {self.column!r}; it has {list_names(schema.names)}: "
                "choose with --column"
            )
        if len(set(schema.names)) < len(schema.names):
            raise DataError(f"{self.path}: has two columns of the same name; rename one")
        kind = unwrap(schema.field(self.column).type)
        if not (holds_strings(kind) or types.is_null(kind)):
            name = spell_type(kind)
            raise DataError(
                f"{self.path}: has a column {self.column!r} of type {name}; give strings"
            )

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(
                self.path,
                buffer_size=BUFFER_BYTES,
                pre_buffer=False,  # which holds whole row groups in memory
            ) as file:
                yield file
        except (pyarrow.ArrowException, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error
            raise DataError(f"{self.path}: is not a whole Parquet file; write it again") from error


def _mark_wanted(
    groups: Sequence[Any], *, rows_per_part: int, wanted: Container[int]
) -> Iterator[tuple[bool, int]]:
    """Yields for each row group whether it has rows of a wanted part, and its number."""
    row = 0
    for i, group in enumerate(groups):
        end = row + group.num_rows
        parts = range(row // rows_per_part, -(-end // rows_per_part))
        yield any(part in wanted for part in parts), i
        row = end
