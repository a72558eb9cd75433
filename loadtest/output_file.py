"""The file that a command writes its figures to."""

from __future__ import annotations

import os
from pathlib import Path


def find_problem(path: Path) -> str | None:
    """Returns why a file cannot be written, before all is measured for nothing; None if it can."""
    if path.is_dir():
        return "is a folder; name a file"
    if not path.parent.is_dir():
        return "its folder does not exist; make it first"
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return "cannot be written; name another file"
    return None
