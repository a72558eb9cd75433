"""Parquet, read part by part."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion_training.errors import DataError
from emotion_training.readers import holds_strings, list_names

from emotion_scoring.source import Contents, Part

# A column of a row group is read in pieces of this size, however large the row group is.
BUFFER_BYTES = 1 << 20
BATCH_ROWS = 1024


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

    def read(self, *, rows_per_part: int, wanted: Container[int]) -> Iterator[Part]:
        """See `Source.read`; row groups without a wanted part are skipped."""
        import pyarrow

        with self._open() as file:
            row, batches, num_rows = 0, list[Any](), 0  # `row` is the first of those in `batches`
            for start, batch in self._read_batches(file, rows_per_part, wanted):
                if start != row + num_rows:  # rows before it were skipped
                    row, batches, num_rows = start, [], 0
                batches.append(batch)
                num_rows += batch.num_rows
                is_last = start + batch.num_rows == file.metadata.num_rows
                while num_rows:
                    number, offset = divmod(row, rows_per_part)
                    size = rows_per_part - offset
                    if num_rows < size and not is_last:
                        break
                    table = pyarrow.Table.from_batches(batches)
                    own, rest = table.slice(0, size), table.slice(size)
                    if offset == 0 and number in wanted:
                        yield self._build_part(number, own)
                    row += own.num_rows
                    batches, num_rows = rest.to_batches(), rest.num_rows

    def _read_batches(
        self, file: Any, rows_per_part: int, wanted: Container[int]
    ) -> Iterator[tuple[int, Any]]:
        """Yields batches with the number of their first row, from row groups that are wanted."""
        row = 0
        for group in range(file.num_row_groups):
            end = row + file.metadata.row_group(group).num_rows
            if any(
                part in wanted for part in range(row // rows_per_part, -(-end // rows_per_part))
            ):
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], use_threads=False):
                    yield row, batch
                    row += batch.num_rows
            row = end

    def _build_part(self, number: int, table: Any) -> Part:
        return Part(number, table, table.column(self.column).to_pylist())

    def _check_column(self, schema: Any) -> None:
        from pyarrow import types

        num_columns = schema.names.count(self.column)
        if num_columns != 1:
            problem = f"has {num_columns or 'no'} column{'s' * (num_columns > 1)} {self.column!r}"
            raise DataError(
                f"{self.path}: {problem}; it has {list_names(schema.names)}: choose with --column"
            )
        kind = schema.field(self.column).type
        if types.is_dictionary(kind):  # pandas' categories
            kind = kind.value_type
        if not (holds_strings(kind) or types.is_null(kind)):
            name = str(kind).split("<")[0]  # a nested type without its content
            raise DataError(
                f"{self.path}: has a column {self.column!r} of type {name}; give strings"
            )

    @contextmanager
    def _open(self) -> Iterator[Any]:
        import pyarrow
        from pyarrow import parquet

        try:
            with parquet.ParquetFile(self.path, buffer_size=BUFFER_BYTES) as file:
                yield file
        except FileNotFoundError as error:
            raise DataError(f"{self.path}: there is no such file; check its name") from error
        except PermissionError as error:
            raise DataError(f"{self.path}: cannot be read: {error.strerror}") from error
        except (pyarrow.ArrowException, OSError) as error:
            raise DataError(f"{self.path}: is not a whole Parquet file; write it again") from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"{self.path}: has a string that is not UTF-8; save it as UTF-8"
            ) from error
