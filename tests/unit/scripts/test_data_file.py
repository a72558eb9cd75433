"""What `scripts/data_file.py` says of a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from data_file import DataFile, identify


def test_identify_names_the_file_and_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"text,label\n")
    assert identify(path, num_rows=0) == DataFile(
        "data.csv", hashlib.sha256(b"text,label\n").hexdigest(), 0
    )


def test_identify_name_that_is_no_utf8_is_spelled(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"m\xff.csv")
    path.touch()
    assert identify(path, num_rows=0).file == "m\ufffd.csv"
