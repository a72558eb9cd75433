"""Readers of CSV, TSV, JSONL and Parquet: the text and the label of each row, not checked yet.

No message holds a text: column names that may be one are counted, not shown.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from emotion_training.errors import DataError
from emotion_training.wording import count, name_type

# csv's own limit, 131072 characters, is too low for a long field; this is a C long's.
MAX_FIELD_LEN = 2**31 - 1
MAX_SHOWN_NAMES = 10
# Column names and keys of another form may be a user's text, and are not shown.
NAME = re.compile("[A-Za-z_][A-Za-z0-9_-]{0,39}")
NO_HEADER = "if there is no header, give --text-column 1 --label-column 2 or the like"
WITH_COMMAS = "save it as CSV with commas, or as TSV"


@dataclass(frozen=True)
class Columns:
    """The names of the columns, or their numbers from 1 if a file has no header.

    Attributes:
        text: the column of the texts.
        label: that of their labels; None if only texts are read.
    """

    text: str
    label: str | None = None

    def __iter__(self) -> Iterator[str]:
        return iter((self.text,) if self.label is None else (self.text, self.label))


@dataclass(frozen=True)
class Row:
    """What a file has in the columns, before it is checked; no label if only texts are read."""

    where: str
    text: object
    label: object = None


def read_rows(path: Path, *, columns: Columns) -> Iterator[Row]:
    """Yields the rows of a file in the format that its suffix names.

    Raises:
        DataError: the file cannot be read, lacks a column, or has a malformed row.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(_READERS)
        raise DataError(f"{path}: its suffix is {path.suffix!r}; give a file of {known}")
    return read(path, columns)


# Formats.


def _read_csv(path: Path, columns: Columns) -> Iterator[Row]:
    lines = io.StringIO(_read_text(path), newline="")
    return _pick(split_csv(lines, path=path), path=path, columns=columns)


def _read_tsv(path: Path, columns: Columns) -> Iterator[Row]:
    rows = (
        (line, [_unquote(each) for each in content.split("\t")])
        for line, content in _split_lines(_read_text(path))
    )
    return _pick(rows, path=path, columns=columns)


def _read_jsonl(path: Path, columns: Columns) -> Iterator[Row]:
    for line, content in _split_lines(_read_text(path)):
        where = f"{path}: line {line}"
        row = parse_json(content, where=where)
        _check_columns(list(row), columns=columns, where=where)
        yield Row(where, *(row[name] for name in columns))


def _read_parquet(path: Path, columns: Columns) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(_read_bytes(path)))
        _check_columns(file.schema_arrow.names, columns=columns, where=str(path))
        _check_types(file.schema_arrow, columns=columns, path=path)
        table = file.read(columns=list(columns))
        values = [table.column(name).to_pylist() for name in columns]
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is not a whole Parquet file; write it again") from error
    except ValueError as error:
        raise DataError(f"{path}: has a string that is not UTF-8; save it as UTF-8") from error
    for i, row in enumerate(zip(*values, strict=True), start=1):
        yield Row(f"{path}: row {i}", *row)


def _check_types(schema: Any, *, columns: Columns, path: Path) -> None:
    """Raises DataError if a column of a Parquet file cannot hold texts or labels."""
    from pyarrow import types

    for column, needed in zip(columns, ("strings", "strings or integers"), strict=False):
        kind = unwrap(schema.field(column).type)
        if holds_strings(kind) or (types.is_integer(kind) and column == columns.label):
            continue
        name = spell_type(kind)
        is_float = types.is_floating(kind) and column == columns.label
        hint = " (integers become floats if a value is missing: fill it)" * is_float
        raise DataError(f"{path}: has a column {column!r} of type {name}{hint}; give {needed}")


def unwrap(kind: Any) -> Any:
    """Returns the type of the values of pandas' categories; any other type of pyarrow as it is."""
    from pyarrow import types

    return kind.value_type if types.is_dictionary(kind) else kind


def spell_type(kind: Any) -> str:
    """Returns the name of a type of pyarrow, of a nested one without its content."""
    return str(kind).split("<")[0]


def holds_strings(kind: Any) -> bool:
    """Returns whether a type of pyarrow is one of strings; categories have to be unwrapped."""
    from pyarrow import types

    kinds = (types.is_string, types.is_large_string, types.is_string_view)
    return any(is_kind(kind) for is_kind in kinds)


_READERS = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


def split_csv(
    lines: Iterable[str], *, path: Path, max_field_len: int = MAX_FIELD_LEN
) -> Iterator[tuple[int, list[str]]]:
    """Yields each record with the line that it begins at.

    Args:
        lines: of the file, with their ends as they are in it.
        path: for messages.
        max_field_len: characters of a field at most; one whose quote never ends has all the rest.

    Raises:
        DataError: a record is malformed.
    """
    limit = csv.field_size_limit(max_field_len)
    reader, line = csv.reader(lines, strict=True), 1
    try:
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: line {line}: is not CSV: {error}; quote the field") from error
    finally:
        csv.field_size_limit(limit)


def _split_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines that are not blank; unlike splitlines it does not split at U+2028."""
    for line, content in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if content.strip(" "):
            yield line, content


def _unquote(text: str) -> str:
    """Unwraps a CSV-quoted text; a text that only starts and ends with quotes stays."""
    inner = text[1:-1]
    is_wrapped = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_wrapped else text


def parse_json(content: str, *, where: str) -> dict[str, object]:
    """Returns the object on a line of JSONL.

    Raises:
        DataError: it is not JSON, or not an object.
    """
    try:
        row = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: character {error.pos + 1}: is not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # a number or a nesting too long for Python
        raise DataError(f"{where}: is JSON that cannot be read; simplify it") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: is of type {name_type(row)}; an object is needed")
    return row


# Columns.


def _pick(rows: Iterator[tuple[int, list[str]]], *, path: Path, columns: Columns) -> Iterator[Row]:
    """Yields the two columns of a table whose first row may be its header."""
    first = next(rows, None)
    if first is None:
        return
    names, where = [name.strip() for name in first[1]], f"{path}: line {first[0]}"
    if any(is_number(column) and column not in names for column in columns):
        places = [find_place(x, num_columns=len(names), where=where) for x in columns]
        rows = chain([first], rows)
    else:
        if len(names) == 1 and ";" in names[0]:
            raise DataError(f"{where}: has no commas between its fields, but ';'; {WITH_COMMAS}")
        _check_columns(names, columns=columns, where=where, hint=f"; {NO_HEADER}")
        places = [names.index(column) for column in columns]
    if len(set(places)) < len(places):
        raise DataError(f"{path}: text and label are both column {columns.text!r}; name two")
    for line, fields in rows:
        if len(fields) != len(names):
            raise DataError(
                f"{path}: line {line}: has {count(len(fields), 'field')};"
                f" {len(names)} are needed as in line {first[0]}"
            )
        yield Row(f"{path}: line {line}", *(fields[place] for place in places))


def _check_columns(names: Sequence[str], *, columns: Columns, where: str, hint: str = "") -> None:
    """Raises DataError unless each of `columns` is among `names` exactly once.

    The `hint` is added if the names may not be names at all.
    """
    for column, option in zip(columns, ("--text-column", "--label-column"), strict=False):
        if names.count(column) > 1:
            raise DataError(f"{where}: has {names.count(column)} columns {column!r}; rename one")
        if column not in names:
            remedy = f"it has {list_names(names)}: choose with {option}"
            if not all(map(NAME.fullmatch, names)):
                remedy += hint
            raise DataError(f"{where}: has no column {column!r}; {remedy}")


def list_names(names: Sequence[str]) -> str:
    """Returns the names of columns for a message; their number if one may be a text."""
    if not names or not all(map(NAME.fullmatch, names)):
        return count(len(names), "column")
    num_more = len(names) - MAX_SHOWN_NAMES
    shown = ", ".join(map(repr, names[:MAX_SHOWN_NAMES]))
    return shown + f" and {num_more} more" * (num_more > 0)


def find_place(column: str, *, num_columns: int, where: str) -> int:
    """Returns the index of a column given by its number."""
    if not is_number(column):
        raise DataError(f"{where}: has no header to find column {column!r} in; give its number")
    if not 1 <= int(column) <= num_columns:
        raise DataError(f"{where}: has no column {column}; they are 1 to {num_columns}")
    return int(column) - 1


def is_number(column: str) -> bool:
    """Returns whether a column is given by its number."""
    return re.fullmatch("[0-9]{1,9}", column) is not None


# Files.


def _read_text(path: Path) -> str:
    content = _read_bytes(path)
    nul_at = content.find(b"\0")
    if nul_at >= 0:
        line = content.count(b"\n", 0, nul_at) + 1
        raise DataError(f"{path}: line {line}: byte {nul_at + 1} is NUL; save it as UTF-8 text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        at = len(content) - len(error.object) + error.start + 1
        raise DataError(f"{path}: line {line}: byte {at} is not UTF-8; save it as UTF-8") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; check its name") from error
    except IsADirectoryError as error:
        raise DataError(f"{path}: is a folder; name a file in it") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
