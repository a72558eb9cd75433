"""Labelled texts: checked, counted, and joined to verses.

readers.py knows the file formats. No message holds a text, and neither does an example's `repr`.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from emotion_training.errors import DataError
from emotion_training.readers import Columns, Row, read_rows
from emotion_training.wording import name_type

MAX_LABEL_LEN = 100
# A label beyond these limits may be a text in the wrong column, and is not shown.
MAX_SHOWN_LABEL_LEN, MAX_SHOWN_LABEL_WORDS = 40, 3
MAX_SHOWN_LABELS = 30


@dataclass(frozen=True)
class Example:
    """One text with its label.

    Attributes:
        text: not empty, without leading or trailing white space.
        label: not empty, one printable line.
        where: file and line or row ("mine.csv: line 3"); empty if it was not read from a file.
    """

    text: str = field(repr=False)
    label: str
    where: str = field(default="", compare=False)

    @property
    def source(self) -> str:
        """The file that it was read from ("mine.csv"); empty if from none."""
        return self.where.rpartition(": ")[0]


@dataclass(frozen=True)
class DataFile:
    """Identifies a file of labelled texts without its folder and its texts.

    Attributes:
        file: its name, see `spell_name`.
        sha256: of its bytes, 64 hex digits.
        rows: number of texts in it.
    """

    file: str
    sha256: str
    rows: int


def read_examples(
    path: Path, *, text_column: str = "text", label_column: str = "label"
) -> list[Example]:
    """Reads a file in the format that its suffix names.

    Args:
        path: UTF-8 with or without a byte order mark, or Parquet. `.csv` has quoted fields, which
            may hold newlines; `.tsv` has none, but a field that is wrapped as a whole in CSV's
            quotes is unwrapped; `.jsonl` has one object per line. Blank lines are skipped.
        text_column: name of the column. A number such as "1" that is not a name in the first line
            means that a CSV or TSV has no header, and counts its columns from 1.
        label_column: likewise. A label is a string, or an integer in JSONL and Parquet.

    Raises:
        DataError: the file cannot be read or is empty, lacks a column, or has a bad row.
    """
    if text_column == label_column:
        raise DataError(f"{path}: text and label are both column {text_column!r}; name two")
    rows = read_rows(path, columns=Columns(text=text_column, label=label_column))
    examples = [_check_row(row) for row in rows]
    if not examples:
        raise DataError(f"{path}: has 0 rows of data; at least 1 is needed")
    return examples


def read_texts(path: Path, *, text_column: str = "text") -> list[str]:
    """Reads the texts of a file; see `read_examples`. Other columns, a label too, are ignored.

    Raises:
        DataError: the file cannot be read or is empty, lacks the column, or has a bad row.
    """
    rows = read_rows(path, columns=Columns(text=text_column))
    texts = [_check_text(row.text, where=row.where) for row in rows]
    if not texts:
        raise DataError(f"{path}: has 0 rows of data; at least 1 is needed")
    return texts


def identify(path: Path, *, num_rows: int) -> DataFile:
    """Returns what identifies the file at `path`, of which `num_rows` were read."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return DataFile(file=spell_name(path), sha256=sha256, rows=num_rows)


def spell_name(path: Path) -> str:
    """Returns the file name without its folder, with U+FFFD for bytes that are not UTF-8."""
    return os.fsencode(path.name).decode("utf-8", errors="replace")


def check_labels(examples: Iterable[Example], *, labels: Sequence[str]) -> None:
    """Raises DataError if an example's label is not among `labels`."""
    known = frozenset(labels)
    for example in examples:
        if example.label not in known:
            raise DataError(
                f"{example.where}: has {show_label(example.label)};"
                f" the known labels are {list_labels(labels)}"
            )


def list_labels(labels: Sequence[str]) -> str:
    """Returns the labels for a message; only the first ones if there are many."""
    shown = [x if _is_label(x) else f"one of {len(x)} characters" for x in labels]
    num_more = len(labels) - MAX_SHOWN_LABELS
    return ", ".join(shown[:MAX_SHOWN_LABELS]) + f" and {num_more} more" * (num_more > 0)


def show_label(label: str) -> str:
    """Returns a label for a message: "the label 'joy'", or its length if it may be a text."""
    return f"the label {label!r}" if _is_label(label) else f"a label of {len(label)} characters"


def join_verses(examples: Sequence[Example], *, share: float, seed: int) -> list[Example]:
    """Makes verses from texts of one line: 2 to 4 with the same label, one per line.

    Every label is equally likely, which also helps the rare ones.

    Args:
        examples: those with line breaks are left out.
        share: number of verses for each text of one line.
        seed: the same seed makes the same verses from the same examples.
    """
    rng = random.Random(seed)  # noqa: S311 - not a secret
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


def count_by_label(examples: Iterable[Example]) -> str:
    """Returns how many texts each label has: "fear 2, joy 5"."""
    counts = Counter(example.label for example in examples)
    return ", ".join(f"{label} {counts[label]}" for label in sorted(counts))


def fold_text(text: str) -> str:
    """Returns the same for texts that differ only in case and white space."""
    return " ".join(text.casefold().split())


def _check_row(row: Row) -> Example:
    return Example(
        text=_check_text(row.text, where=row.where),
        label=_check_label(row.label, where=row.where),
        where=row.where,
    )


def _check_text(value: object, *, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: has a text of type {name_type(value)}; a string is needed")
    if "\0" in value:
        raise DataError(f"{where}: has a text with a NUL; remove it")
    if re.search("[\ud800-\udfff]", value):  # JSON can write half a character
        raise DataError(f"{where}: has a text with a lone surrogate; write whole characters")
    if not value.strip():
        raise DataError(f"{where}: has an empty text; fill it or remove the row")
    return value.strip()


def _check_label(value: object, *, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        kind = name_type(value)
        raise DataError(f"{where}: has a label of type {kind}; a string or integer is needed")
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
    """Returns what to do about the first unprintable character of a label."""
    found = next(character for character in label if not character.isprintable())
    if found.splitlines() != [found]:
        return "it must be one line"
    if "\ud800" <= found <= "\udfff":
        return "it has a lone surrogate: write whole characters"
    return f"it has the unprintable character U+{ord(found):04X}: remove it"


def _is_label(value: str) -> bool:
    """Guesses whether a value is a label, which may be shown, and not a user's text."""
    return len(value) <= MAX_SHOWN_LABEL_LEN and len(value.split()) <= MAX_SHOWN_LABEL_WORDS
