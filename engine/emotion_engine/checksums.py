"""The sha256 of each file of a checkpoint, written at its preparation and checked at each load.

The file has the format of coreutils: `sha256sum --check SHA256SUMS`, inside the folder, does the
same. It finds damage, half-copied files and edits. Whoever may write to the folder can replace it
too; the revision, noted elsewhere, tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from emotion_engine.errors import CheckpointError

SUMS = "SHA256SUMS"
CHUNK_BYTES = 1 << 20


def compute_sums(folder: Path, names: Iterable[str], *, total: Any = None) -> dict[str, str]:
    """Returns the sha256 of each file, 64 hex digits.

    Args:
        folder: where they are.
        names: their names.
        total: a hash that gets each name and then its bytes, so that large files are read once.
    """
    found = {}
    for name in names:
        own = hashlib.sha256()
        if total is not None:
            total.update(name.encode())
        with (folder / name).open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                own.update(chunk)
                if total is not None:
                    total.update(chunk)
        found[name] = own.hexdigest()
    return found


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Writes the sums of these files of a folder."""
    sums = compute_sums(folder, sorted(names))
    lines = [f"{total}  {name}\n" for name, total in sums.items()]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_checksums(folder: Path, sums: Mapping[str, str]) -> None:
    """Compares the sums of files with those of their preparation.

    Raises:
        CheckpointError: a file has no sum, or is not what it was.
    """
    text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    known = {name: total for total, _, name in (x.partition("  ") for x in text.splitlines())}
    for name, found in sums.items():
        if name not in known:
            raise CheckpointError(f"{SUMS} has no {name}; run scripts/prepare_model.py")
        if found != known[name]:
            raise CheckpointError(
                f"checkpoint file {name} has changed since its preparation: its sha256 is "
                f"{found[:12]}..., {SUMS} says {known[name][:12]}...; run scripts/prepare_model.py"
            )
