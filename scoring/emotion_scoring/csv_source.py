"""CSV, read part by part."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from emotion_training.errors import DataError
from emotion_training.readers import WITH_COMMAS, find_place, is_number, list_names, split_csv
from emotion_training.wording import count

from emotion_scoring.source import Contents, Piece, Record, cut_pieces
from emotion_scoring.text_lines import MAX_LINE_CHARS, read_lines

UNNAMED = "column_"


@dataclass(frozen=True)
class CsvSource:
    """A CSV file; its values are strings. A text that is empty counts as null: CSV has no other.

    Attributes:
        path: UTF-8 with or without a byte order mark.
        column: name of the text column. A number such as "1" that is not a name in the first line
            means that there is no header; then the columns are named column_1, column_2, ...
    """

    path: Path
    column: str

    def inspect(self) -> Contents:
        """See `Source.inspect`."""
        import pyarrow

        names, records = self._open()
        schema = pyarrow.schema([(name, pyarrow.string()) for name in names])
        return Contents(sum(1 for _ in records), schema)

    def read(self, *, rows_per_part: int, wanted: Container[int]) -> Iterator[Piece]:
        """See `Source.read`."""
        names, records = self._open()
        column = self.column if self.column in names else f"{UNNAMED}{int(self.column)}"
        for piece in cut_pieces(records, column=column, rows_per_part=rows_per_part):
            yield replace(piece, texts=[text or None for text in piece.texts])

    def _open(self) -> tuple[list[str], Iterator[tuple[Record, int]]]:
        """Returns the names of the columns, and the rows with their numbers of characters."""
        lines = read_lines(self.path, newline="")
        rows = split_csv(lines, path=self.path, max_field_len=MAX_LINE_CHARS)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{self.path}: is empty; a header is needed")
        names = [name.strip() for name in first[1]]
        if is_number(self.column) and self.column not in names:
            find_place(self.column, num_columns=len(names), where=str(self.path))
            names = [f"{UNNAMED}{i}" for i in range(1, len(names) + 1)]
            rows = chain([first], rows)
        else:
            self._check_names(names, where=f"{self.path}: line {first[0]}")
        return names, self._read_records(rows, names=names)

    def _read_records(
        self, rows: Iterator[tuple[int, list[str]]], *, names: list[str]
    ) -> Iterator[tuple[Record, int]]:
        for line, fields in rows:
            if len(fields) != len(names):
                raise DataError(
                    f"{self.path}: line {line}: has {count(len(fields), 'field')};"
                    f" {len(names)} are needed as in the first line"
                )
            yield dict(zip(names, fields, strict=True)), sum(map(len, fields))

    def _check_names(self, names: list[str], *, where: str) -> None:
        if len(names) == 1 and ";" in names[0]:
            raise DataError(f"{where}: has no commas between its fields, but ';'; {WITH_COMMAS}")
        if self.column not in names:
            raise DataError(
                f"{where}: has no column {self.column!r}; it has {list_names(names)}: choose with"
                " --column; if there is no header, give its number, such as --column 1"
            )
        if len(set(names)) < len(names):
            raise DataError(f"{where}: has two columns of the same name; rename one")
