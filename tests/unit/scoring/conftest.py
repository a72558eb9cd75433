"""Fixtures of the scoring tests: files of each format, and a job on them."""

import csv
import json
from dataclasses import dataclass, field

import pyarrow
import pytest
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_scoring.inputs import find_inputs
from emotion_scoring.job import Job, Options
from fake_scorer import FakeScorer
from pyarrow import parquet

DEFAULTS = {
    "column": "text",
    "format": None,
    "prefix": "",
    "rows_per_part": 10,
    "is_new": False,
}


@dataclass
class RunJob:
    """Runs jobs whose output is in one folder."""

    output: object
    lines: list = field(default_factory=list)

    def __call__(self, *inputs, scorer=None, **options):
        found = find_inputs([str(each) for each in inputs], output=self.output)
        settings = DEFAULTS | {"output": self.output} | options
        return Job(
            Options(inputs=found, **settings),
            scorer=scorer or FakeScorer(),
            command=Command("score"),
            interruption=Interruption(),
        ).run()


@pytest.fixture
def run(tmp_path):
    return RunJob(tmp_path / "scored")


@pytest.fixture
def write(tmp_path):
    """Writes rows, given as dicts, into a file whose suffix says how; or a text as it is."""

    def write(name, rows):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(rows, str | bytes):
            path.write_bytes(rows.encode() if isinstance(rows, str) else rows)
        elif path.suffix == ".parquet":
            parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=7)
        elif path.suffix == ".csv":
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
            path.write_text("".join(lines), encoding="utf-8")
        return path

    return write


def read_parts(folder):
    """Returns the rows of all parts in a folder, in order, as dicts."""
    rows = []
    for path in sorted(folder.glob("part-*")):
        if path.suffix == ".parquet":
            rows += parquet.read_table(path).to_pylist()
        elif path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as file:
                rows += csv.DictReader(file)
        else:
            rows += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return rows


@pytest.fixture
def read():
    return read_parts
