"""A file that gets its name when it is whole and on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO

UNFINISHED = ".unfinished"


class WholeFile:
    """A file under a hidden name that ends with UNFINISHED, until it is kept.

    Args:
        path: where it will be.

    Attributes:
        file: what to write into.
    """

    file: IO[bytes]

    def __init__(self, path: Path) -> None:
        self.path = path
        self._unfinished = path.with_name(f".{path.name}.{token_hex(4)}{UNFINISHED}")
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = self._unfinished.open("xb")

    def keep(self) -> None:
        """Gives it its name, after it is on the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._unfinished.replace(self.path)
        _sync_folder(self.path.parent)

    def discard(self) -> None:
        """Removes it; does nothing to one that was kept."""
        with suppress(OSError):  # it writes what is buffered, and the disk may be full
            self.file.close()
        self._unfinished.unlink(missing_ok=True)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Puts a file's name into errors that lack one, such as that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is whole or not there."""
    with named(path):
        whole = WholeFile(path)
        try:
            whole.file.write(content)
            whole.keep()
        finally:
            whole.discard()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
