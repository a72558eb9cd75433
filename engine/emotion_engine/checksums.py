"""The sha256 of each file of a checkpoint, written at its preparation and checked at each load.

The file has the format of coreutils: `sha256sum --check SHA256SUMS`, inside the folder, does the
same. It finds damage, half-copied files and edits. Whoever may write to the folder can replace it
too; the revision, noted elsewhere, tells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from emotion_engine.errors import CheckpointError

SUMS = "SHA256SUMS"


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Writes the sums of these files of a folder."""
    lines = [f"{compute_sum(folder / name)}  {name}\n" for name in sorted(names)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def check_checksums(folder: Path, names: Iterable[str]) -> None:
    """Checks these files of a folder.

    Raises:
        CheckpointError: a file has no sum, or is not what it was.
    """
    text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    known = {name: total for total, _, name in (x.partition("  ") for x in text.splitlines())}
    for name in names:
        if name not in known:
            raise CheckpointError(f"{SUMS} has no {name}; run scripts/prepare_model.py")
        found = compute_sum(folder / name)
        if found != known[name]:
            raise CheckpointError(
                f"checkpoint file {name} has changed since its preparation: its sha256 is "
                f"{found[:12]}..., {SUMS} says {known[name][:12]}...; run scripts/prepare_model.py"
            )


def compute_sum(path: Path) -> str:
    """Returns the sha256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
