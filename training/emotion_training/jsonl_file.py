"""Writes JSONL."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def write_jsonl(rows: Iterable[Mapping[str, str]], *, path: Path) -> None:
    """Writes one JSON object per line, to a file that is complete or not there."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
        new = Path(scratch) / path.name
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
        new.replace(path)
