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
class Stamp:
    """What changes when a file is replaced or written.

    Attributes:
        size_bytes: its size.
        mtime_ns: when it was written last, in nanoseconds since 1970.
        inode: its number on its disk.
    """

    size_bytes: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True)
class InputFile:
    """A file that is scored.

    Attributes:
        path: where it is.
        name: its place in the output.
        source: reads it.
        contents: what it has.
        sha256: of its bytes, 64 hex digits.
        stamp: when it was inspected.
    """

    path: Path
    name: str
    source: Source
    contents: Contents
    sha256: str
    stamp: Stamp

    def count_rows(self, part: int, *, rows_per_part: int) -> int:
        """Returns the rows of a part; only the last one may have fewer than the others."""
        return min(rows_per_part, self.contents.num_rows - part * rows_per_part)

    def check_unchanged(self) -> None:
        """Raises DataError if it was replaced or written since it was inspected."""
        if find_stamp(self.path) != self.stamp:
            raise self.changed()

    def changed(self) -> DataError:
        """Returns the error for rows that are no longer those that were inspected."""
        return DataError(
            f"{self.path}: changed while it was scored; name another --output, or start over with "
            "--overwrite"
        )


def inspect(found: Input, *, column: str, added: Iterable[str]) -> InputFile:
    """Looks through a file before any of it is scored.

    Args:
        found: the file.
        column: its text column.
        added: names of the columns that scoring adds.

    Raises:
        DataError: it cannot be read or scored.
    """
    source, stamp = find_source(found.path, column=column), find_stamp(found.path)
    contents = source.inspect()
    for name in added:
        if name in contents.schema.names:
            raise DataError(
                f"{found.path}: has a column {name!r}, which would be added; give the added ones "
                "other names with --prefix, such as --prefix predicted_"
            )
    sha256 = compute_sha256(found.path)
    return InputFile(found.path, found.name, source, contents, sha256, stamp)


def find_stamp(path: Path) -> Stamp:
    """Returns what changes when a file is replaced or written.

    Raises:
        DataError: it cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    return Stamp(status.st_size, status.st_mtime_ns, status.st_ino)


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
