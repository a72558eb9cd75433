"""Labelled texts: read from CSV, TSV, JSONL or Parquet, checked, and joined to verses.

No message holds the text of an example, and neither does an example's `repr`.
"""

from __future__ import annotations

import csv
import io
import json
import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

# csv's own limit, 131072 characters, is less than a long field may have; this is a C long's.
MAX_FIELD_LEN = 2**31 - 1
MAX_LABEL_LEN = 100
# A label beyond these may be a text in the wrong column, and is not shown.
MAX_SHOWN_LABEL_LEN, MAX_SHOWN_LABEL_WORDS = 40, 3
MAX_SHOWN_LABELS, MAX_SHOWN_NAMES = 30, 10
# Column names and keys of another form may be a user's text, and are not shown.
NAME = re.compile("[A-Za-z_][A-Za-z0-9_-]{0,39}")
NO_HEADER = "if there is no header, give --text-column 1 --label-column 2 or the like"
NO_COMMAS = "if ';' is what separates its fields, save it as CSV with commas"


class DataError(Exception):
    """The input or the configuration is wrong; the message is one sentence for the user."""


@dataclass(frozen=True)
class Example:
    """One text with its label.

    Attributes:
        text: not empty, without white space around it.
        label: not empty, one printable line.
        where: file and line or row it was read from ("mine.csv: line 3"); empty if it was made.
    """

    text: str = field(repr=False)
    label: str
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Columns:
    """The names of the two columns, or their numbers from 1 where a file has no header."""

    text: str
    label: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.text, self.label))


@dataclass(frozen=True)
class Row:
    """What a file has in the two columns, before it is checked."""

    where: str
    text: object
    label: object


def read_examples(
    path: Path, *, text_column: str = "text", label_column: str = "label"
) -> list[Example]:
    """Reads a file in the format that its suffix names.

    Args:
        path: UTF-8 with or without a byte order mark, or Parquet. `.csv` has quoted fields, which
            may hold newlines; `.tsv` has none, but a field that is wrapped whole in CSV's quotes
            is unwrapped; `.jsonl` has an object a line. Blank lines are passed over.
        text_column: name of the column; a number such as "1" that is no name in the first line
            says that a CSV or TSV has no header, and counts its columns from 1.
        label_column: likewise. A label is a string, or a whole number in JSONL and Parquet.

    Raises:
        DataError: the file cannot be read or is empty, lacks a column, or a row is no example.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        known = ", ".join(_READERS)
        raise DataError(f"{path}: its suffix is {path.suffix!r}; give a file of {known}")
    columns = Columns(text=text_column, label=label_column)
    if columns.text == columns.label:
        raise DataError(f"{path}: text and label are both column {columns.text!r}; name two")
    examples = [_check_row(row) for row in read(path, columns)]
    if not examples:
        raise DataError(f"{path}: has 0 rows of data; at least 1 is needed")
    return examples


def check_labels(examples: Iterable[Example], *, labels: Sequence[str]) -> None:
    """Raises DataError where an example's label is not among `labels`."""
    known = frozenset(labels)
    for example in examples:
        if example.label not in known:
            raise DataError(
                f"{example.where}: has {show_label(example.label)};"
                f" the known labels are {list_labels(labels)}"
            )


def list_labels(labels: Sequence[str]) -> str:
    """Returns the labels for a message, the first of them where they are very many."""
    shown = [x if _is_label(x) else f"one of {len(x)} characters" for x in labels]
    num_more = len(labels) - MAX_SHOWN_LABELS
    return ", ".join(shown[:MAX_SHOWN_LABELS]) + f" and {num_more} more" * (num_more > 0)


def show_label(label: str) -> str:
    """Returns a label for a message: "the label 'joy'", or its length where it may be a text."""
    return f"the label {label!r}" if _is_label(label) else f"a label of {len(label)} characters"


def join_verses(examples: Sequence[Example], *, share: float, seed: int) -> list[Example]:
    """Makes verses of the texts of one line: 2 to 4 of one label, a line each.

    Every label is as likely as any other, which also helps the rare ones.

    Args:
        examples: of which those with line breaks are left out.
        share: number of verses for each text of one line.
        seed: the same one makes the same verses of the same examples.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    lines: dict[str, list[str]] = {}
    for example in examples:
        if "\n" not in example.text:
            lines.setdefault(example.label, []).append(example.text)
    num_verses = round(share * sum(map(len, lines.values())))
    labels = rng.choices(sorted(lines), k=num_verses) if lines else []
    return [Example("\n".join(rng.choices(lines[x], k=rng.randint(2, 4))), x) for x in labels]


def count_conflicts(examples: Iterable[Example]) -> int:
    """Returns how many texts occur with different labels."""
    labels: dict[str, set[str]] = {}
    for example in examples:
        labels.setdefault(fold_text(example.text), set()).add(example.label)
    return sum(len(found) > 1 for found in labels.values())


def fold_text(text: str) -> str:
    """Returns what two texts have in common that differ in case and white space alone."""
    return " ".join(text.casefold().split())


# Formats.


def _read_csv(path: Path, columns: Columns) -> Iterator[Row]:
    return _pick(_split_csv(_read_text(path), path=path), path=path, columns=columns)


def _read_tsv(path: Path, columns: Columns) -> Iterator[Row]:
    rows = (
        (line, [unquote(each) for each in content.split("\t")])
        for line, content in _split_lines(_read_text(path))
    )
    return _pick(rows, path=path, columns=columns)


def _read_jsonl(path: Path, columns: Columns) -> Iterator[Row]:
    for line, content in _split_lines(_read_text(path)):
        where = f"{path}: line {line}"
        row = _parse_json(content, where=where)
        _check_columns(list(row), columns=columns, where=where)
        yield Row(where=where, text=row[columns.text], label=row[columns.label])


def _read_parquet(path: Path, columns: Columns) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(_read_bytes(path)))
        _check_columns(file.schema_arrow.names, columns=columns, where=str(path))
        _check_types(file.schema_arrow, columns=columns, path=path)
        table = file.read(columns=list(columns))
        texts, labels = (table.column(name).to_pylist() for name in columns)
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: is no whole Parquet file; write it anew") from error
    except ValueError as error:
        raise DataError(f"{path}: has a string that is not UTF-8; save it as UTF-8") from error
    for i, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
        yield Row(where=f"{path}: row {i}", text=text, label=label)


def _check_types(schema: Any, *, columns: Columns, path: Path) -> None:
    """Raises DataError where a column of a Parquet file can hold no texts or labels."""
    from pyarrow import types

    for column, needed in zip(columns, ("strings", "strings or whole numbers"), strict=True):
        kind = schema.field(column).type
        if types.is_dictionary(kind):  # pandas' categories
            kind = kind.value_type
        is_string = types.is_string(kind) or types.is_large_string(kind)
        if is_string or (types.is_integer(kind) and column == columns.label):
            continue
        name = str(kind).split("<")[0]  # of a nested one without what is in it
        is_float = types.is_floating(kind) and column == columns.label
        hint = " (whole numbers become it where a value is missing: fill that)" * is_float
        raise DataError(f"{path}: has a column {column!r} of type {name}{hint}; give {needed}")


_READERS = {
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}


def _split_csv(text: str, *, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yields each record with the line that it begins at."""
    limit = csv.field_size_limit(MAX_FIELD_LEN)
    reader, line = csv.reader(io.StringIO(text, newline=""), strict=True), 1
    try:
        for fields in reader:
            if len(fields) > 1 or "".join(fields).strip():
                yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}: line {line}: is no CSV: {error}; quote the field") from error
    finally:
        csv.field_size_limit(limit)


def _split_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines that are not blank; unlike splitlines it leaves U+2028 and its like."""
    for line, content in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if content.strip(" "):
            yield line, content


def unquote(text: str) -> str:
    """Unwraps a CSV-quoted text; a text that merely starts and ends with quotes stays."""
    inner = text[1:-1]
    is_wrapped = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if is_wrapped else text


def _parse_json(content: str, *, where: str) -> dict[str, object]:
    try:
        row = json.loads(content)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: character {error.pos + 1}: is no JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:  # a number or a nesting too long for Python
        raise DataError(f"{where}: is no JSON that can be read; simplify it") from error
    if not isinstance(row, dict):
        raise DataError(f"{where}: is of type {_name_type(row)}; an object is needed")
    return row


# Columns.


def _pick(rows: Iterator[tuple[int, list[str]]], *, path: Path, columns: Columns) -> Iterator[Row]:
    """Yields the two columns of a table whose first row may be its header."""
    first = next(rows, None)
    if first is None:
        return
    names, where = [name.strip() for name in first[1]], f"{path}: line {first[0]}"
    if any(_is_number(column) and column not in names for column in columns):
        text_at, label_at = (_place(x, num_columns=len(names), where=where) for x in columns)
        rows = chain([first], rows)
    else:
        is_joined = len(names) == 1 and ";" in names[0]
        hint = f"; {NO_COMMAS}" if is_joined else f"; {NO_HEADER}"
        _check_columns(names, columns=columns, where=where, hint=hint)
        text_at, label_at = (names.index(column) for column in columns)
    if text_at == label_at:
        raise DataError(f"{path}: text and label are both column {columns.text!r}; name two")
    for line, fields in rows:
        if len(fields) != len(names):
            raise DataError(
                f"{path}: line {line}: has {_count(len(fields), 'field')};"
                f" {len(names)} are needed as in line {first[0]}"
            )
        yield Row(where=f"{path}: line {line}", text=fields[text_at], label=fields[label_at])


def _check_columns(names: Sequence[str], *, columns: Columns, where: str, hint: str = "") -> None:
    """Raises DataError where one of `columns` is not, or not once, among `names`.

    The `hint` is given where the names may be none.
    """
    for column, option in zip(columns, ("--text-column", "--label-column"), strict=True):
        if names.count(column) > 1:
            raise DataError(f"{where}: has {names.count(column)} columns {column!r}; rename one")
        if column not in names:
            remedy = f"it has {_list_names(names)}: choose with {option}"
            if not all(map(NAME.fullmatch, names)):
                remedy += hint
            raise DataError(f"{where}: has no column {column!r}; {remedy}")


def _list_names(names: Sequence[str]) -> str:
    """Returns the names of columns for a message; their number where they may be a text."""
    if not names or not all(map(NAME.fullmatch, names)):
        return _count(len(names), "column")
    num_more = len(names) - MAX_SHOWN_NAMES
    shown = ", ".join(map(repr, names[:MAX_SHOWN_NAMES]))
    return shown + f" and {num_more} more" * (num_more > 0)


def _place(column: str, *, num_columns: int, where: str) -> int:
    """Returns the index of a column given by its number."""
    if not _is_number(column):
        raise DataError(f"{where}: has no header to find column {column!r} in; give its number")
    if not 1 <= int(column) <= num_columns:
        raise DataError(f"{where}: has no column {column}; they are 1 to {num_columns}")
    return int(column) - 1


def _is_number(column: str) -> bool:
    return re.fullmatch("[0-9]{1,9}", column) is not None


# Values.


def _check_row(row: Row) -> Example:
    return Example(
        text=_check_text(row.text, where=row.where),
        label=_check_label(row.label, where=row.where),
        where=row.where,
    )


def _check_text(value: object, *, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: has a text of type {_name_type(value)}; a string is needed")
    if "\0" in value:
        raise DataError(f"{where}: has a text with a NUL; remove it")
    if re.search("[\ud800-\udfff]", value):  # JSON can write half a character
        raise DataError(f"{where}: has a text with a lone surrogate; write whole characters")
    if not value.strip():
        raise DataError(f"{where}: has an empty text; fill it or remove the row")
    return value.strip()


def _check_label(value: object, *, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        kind = _name_type(value)
        raise DataError(f"{where}: has a label of type {kind}; a string or whole number is needed")
    label = str(value).strip()
    if not label:
        raise DataError(f"{where}: has an empty label; fill it or remove the row")
    if len(label) > MAX_LABEL_LEN:
        raise DataError(
            f"{where}: has {show_label(label)}; limit is {MAX_LABEL_LEN}: choose the column with"
            " --label-column, or shorten it"
        )
    if not label.isprintable():
        raise DataError(f"{where}: has {show_label(label)}; {_explain_unprintable(label)}")
    return label


def _explain_unprintable(label: str) -> str:
    """Returns what to do about the first character of a label that cannot be printed."""
    found = next(character for character in label if not character.isprintable())
    if found.splitlines() != [found]:
        return "it must be one line"
    if "\ud800" <= found <= "\udfff":
        return "it has a lone surrogate: write whole characters"
    return f"it has the unprintable character U+{ord(found):04X}: remove it"


def _is_label(value: str) -> bool:
    """Guesses whether a value is a label, which may be shown, and not a user's text."""
    return len(value) <= MAX_SHOWN_LABEL_LEN and len(value.split()) <= MAX_SHOWN_LABEL_WORDS


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + "s" * (number != 1)


def _name_type(value: object) -> str:
    return "null" if value is None else type(value).__name__


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
