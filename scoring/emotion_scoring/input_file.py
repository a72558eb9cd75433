"""A file that is scored: inspected once as a whole, before its first part is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from emotion_training.errors import DataError

from emotion_scoring.inputs import Input
from emotion_scoring.source import Contents, Source
from emotion_scoring.sources import find_source


@dataclass(frozen=True)
class InputFile:
    """A file that is scored.

    Attributes:
        name: its place in the output.
        source: reads it.
        contents: what it has.
        sha256: of its bytes, 64 hex digits.
    """

    name: str
    source: Source
    contents: Contents
    sha256: str

    def count_rows(self, part: int, *, rows_per_part: int) -> int:
        """Returns the rows of a part; only the last one may have fewer than the others."""
        return min(rows_per_part, self.contents.num_rows - part * rows_per_part)


def inspect(found: Input, *, column: str, added: Iterable[str]) -> InputFile:
    """Reads a file once.

    Args:
        found: the file.
        column: its text column.
        added: names of the columns that scoring adds.

    Raises:
        DataError: it cannot be read or scored.
    """
    source = find_source(found.path, column=column)
    contents = source.inspect()
    for name in added:
        if name in contents.schema.names:
            raise DataError(
                f"{found.path}: has a column {name!r}, which would be added; give the added ones "
                "other names with --prefix, such as --prefix predicted_"
            )
    return InputFile(found.name, source, contents, compute_sha256(found.path))


def compute_sha256(path: Path) -> str:
    """Returns the sha256 of a file, 64 hex digits.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
