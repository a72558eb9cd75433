"""The lines of a text file, whose errors are refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotion_training.errors import DataError


def read_lines(path: Path, *, newline: str | None) -> Iterator[str]:
    """Yields lines with their ends, of UTF-8 with or without a byte order mark.

    Args:
        path: the file.
        newline: as in `open`; "" keeps the ends as they are, None makes each of them a line feed.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    num_lines = 0
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            for line in file:
                num_lines += 1
                yield line
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: after line {num_lines}: is not UTF-8; save it as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
