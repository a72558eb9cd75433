"""The formats that scored rows are written in."""

from __future__ import annotations

import csv
import io
from typing import IO, Any

from emotion_scoring.columns import build_records, build_table, to_json
from emotion_scoring.scores import Scores, name_columns
from emotion_scoring.source import Rows

# Rows wait until they have so many bytes, and are a row group then.
ROW_GROUP_BYTES = 32 << 20


class Writer:
    """Writes rows and their scores into a file, piece by piece.

    Args:
        file: what to write into; it stays open.
        schema: a pyarrow.Schema of the rows' columns.
        prefix: of the names of the columns that are added.
    """

    def __init__(self, file: IO[bytes], *, schema: Any, prefix: str) -> None:
        self.file, self.schema, self.prefix = file, schema, prefix

    def write(self, rows: Rows, scores: Scores) -> None:
        """Writes the next rows."""
        raise NotImplementedError

    def end(self) -> None:
        """Writes what has to follow the last rows."""

    def abandon(self) -> None:
        """Writes nothing more; the file will be removed."""


class ParquetWriter(Writer):
    """Writes Parquet."""

    def __init__(self, file: IO[bytes], *, schema: Any, prefix: str) -> None:
        super().__init__(file, schema=schema, prefix=prefix)
        self._tables, self._num_bytes = list[Any](), 0
        self._writer: Any = None

    def write(self, rows: Rows, scores: Scores) -> None:
        """See `Writer.write`."""
        table = build_table(rows, scores, schema=self.schema, prefix=self.prefix)
        self._tables.append(table)
        self._num_bytes += table.nbytes
        if self._num_bytes >= ROW_GROUP_BYTES:
            self._write_group()

    def end(self) -> None:
        """See `Writer.end`."""
        if self._tables:
            self._write_group()
        self._writer.close()
        self._writer = None

    def abandon(self) -> None:
        """See `Writer.abandon`."""
        if self._writer is not None:
            self._writer.is_open = False  # else it writes its end when it is deleted

    def _write_group(self) -> None:
        import pyarrow
        from pyarrow import parquet

        table = pyarrow.concat_tables(self._tables)
        self._tables, self._num_bytes = [], 0
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self.file, table.schema)
        self._writer.write_table(table)


class JsonlWriter(Writer):
    """Writes JSONL."""

    def write(self, rows: Rows, scores: Scores) -> None:
        """See `Writer.write`."""
        for record in build_records(rows, scores, prefix=self.prefix):
            line = f"{to_json(record)}\n"
            self.file.write(line.encode("utf-8", errors="backslashreplace"))


class CsvWriter(Writer):
    """Writes CSV with a header."""

    has_header = False

    def write(self, rows: Rows, scores: Scores) -> None:
        """See `Writer.write`."""
        names = [*self.schema.names, *name_columns(scores.labels, prefix=self.prefix)]
        text = io.TextIOWrapper(self.file, "utf-8", errors="backslashreplace", newline="")
        writer = csv.writer(text, lineterminator="\n")
        if not self.has_header:
            writer.writerow(names)
            self.has_header = True
        for record in build_records(rows, scores, prefix=self.prefix):
            writer.writerow([_to_field(record.get(name)) for name in names])
        text.detach()


def _to_field(value: Any) -> Any:
    """Returns a string for a value of any type: as in JSON, but "" for null and NaN."""
    if value is None or isinstance(value, str):
        return value
    text = to_json(value)
    return "" if text == "null" else text


WRITERS: dict[str, type[Writer]] = {
    ".parquet": ParquetWriter,
    ".csv": CsvWriter,
    ".jsonl": JsonlWriter,
}
"""By the suffix of a file."""
