"""The formats that scored rows are written in, and files that are whole or not there."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import IO, Any

from emotion_scoring.columns import build_records, build_table, to_json
from emotion_scoring.scores import Scores
from emotion_scoring.source import Rows

UNFINISHED = ".unfinished"


def write_part(path: Path, *, rows: Rows, scores: Scores, schema: Any, prefix: str) -> None:
    """Writes rows and their scores in the format of the suffix; the file is whole or not there.

    Args:
        path: the file.
        rows: all their columns.
        scores: of each row.
        schema: a pyarrow.Schema of the columns.
        prefix: of the names of the columns that are added.
    """
    write = _WRITERS[path.suffix]
    with open_whole(path) as file:
        write(file, rows, scores, schema, prefix)


@contextmanager
def open_whole(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file that gets its name when it is whole and on the disk.

    Until then its name is hidden, and ends with UNFINISHED.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{token_hex(4)}{UNFINISHED}")
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _write_parquet(file: IO[bytes], rows: Rows, scores: Scores, schema: Any, prefix: str) -> None:
    from pyarrow import parquet

    parquet.write_table(build_table(rows, scores, schema=schema, prefix=prefix), file)


def _write_jsonl(file: IO[bytes], rows: Rows, scores: Scores, schema: Any, prefix: str) -> None:
    for record in build_records(rows, scores, prefix=prefix):
        line = f"{to_json(record)}\n"
        file.write(line.encode("utf-8", errors="backslashreplace"))


def _write_csv(file: IO[bytes], rows: Rows, scores: Scores, schema: Any, prefix: str) -> None:
    names = [*schema.names, *scores.to_arrays(prefix=prefix)]
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for record in build_records(rows, scores, prefix=prefix):
        writer.writerow([_to_field(record.get(name)) for name in names])
    text.detach()


def _to_field(value: Any) -> Any:
    """Returns a string for a value of any type: as in JSON, but "" for null and NaN."""
    if value is None or isinstance(value, str):
        return value
    text = to_json(value)
    return "" if text == "null" else text


_WRITERS: dict[str, Callable[[IO[bytes], Rows, Scores, Any, str], None]] = {
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".jsonl": _write_jsonl,
}


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
