"""A file of labelled texts, told from any other."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFile:
    """What tells a file from others, without its folder and its texts.

    Attributes:
        file: its name, see `spell_name`.
        sha256: of its bytes, 64 hex digits.
        rows: number of texts in it.
    """

    file: str
    sha256: str
    rows: int


def identify(path: Path, *, num_rows: int) -> DataFile:
    """Returns what tells the file at `path`, of which `num_rows` were read, from others."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return DataFile(file=spell_name(path), sha256=sha256, rows=num_rows)


def spell_name(path: Path) -> str:
    """Returns the name without its folder, with U+FFFD for what is no UTF-8 in it."""
    return os.fsencode(path.name).decode("utf-8", errors="replace")
