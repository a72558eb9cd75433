"""argparse type for a file to write."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from emotion_command.terminal import reveal


def output_file(text: str) -> Path:
    """Returns the path of a file that can be written, so that no work is done in vain."""
    path = Path(text)
    try:
        problem = _find_problem(path)
    except OSError as error:  # the name is too long, or a folder may not be searched
        problem = f"{text}: {error.strerror}"
    if problem:
        raise argparse.ArgumentTypeError(reveal(problem))
    return path


def _find_problem(path: Path) -> str:
    folder = path.parent
    if path.is_dir():
        return f"{path} is a folder; name a file"
    if not folder.exists():
        return f"{folder} does not exist; make it first"
    if not folder.is_dir():
        return f"{folder} is not a folder; name another file"
    if not os.access(path if path.exists() else folder, os.W_OK):
        return f"{path} cannot be written; name another file"
    return ""
