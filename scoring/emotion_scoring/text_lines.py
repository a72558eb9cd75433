"""The lines of a text file, whose errors are refusals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emotion_training.errors import DataError

MAX_LINE_CHARS = 64 << 20  # of a line, and of a field of CSV over several lines: it is in memory


def read_lines(path: Path, *, newline: str | None) -> Iterator[str]:
    """Yields lines with their ends, of UTF-8 with or without a byte order mark.

    Args:
        path: the file.
        newline: as in `open`; "" keeps the ends as they are, None makes each of them a line feed.

    Raises:
        DataError: it cannot be read, is not UTF-8, or has a line of more than `MAX_LINE_CHARS`.
    """
    num_lines = 0
    try:
        with path.open(encoding="utf-8-sig", newline=newline) as file:
            while line := file.readline(MAX_LINE_CHARS + 1):
                num_lines += 1
                if len(line) > MAX_LINE_CHARS:
                    raise DataError(
                        f"{path}: line {num_lines}: has more than {MAX_LINE_CHARS} characters; "
                        "write each row on a line of its own"
                    )
                yield line
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: after line {num_lines}: is not UTF-8; save it as UTF-8"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
