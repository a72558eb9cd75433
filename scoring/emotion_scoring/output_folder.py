"""The folder that a job writes: its plan, and a folder of finished parts for each file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emotion_scoring.errors import OutputError
from emotion_scoring.plan import Plan
from emotion_scoring.whole_file import UNFINISHED, write_whole

# Spark, pyarrow and DuckDB do not read files whose names begin with "_" or ".".
PLAN_FILE = "_plan.json"
LOCK_FILE = ".lock"
START_OVER = "name another --output, or start over with --overwrite"


@dataclass(frozen=True)
class OutputFolder:
    """The folder that a job writes.

    Attributes:
        path: where it is.
    """

    path: Path

    @contextmanager
    def open(self) -> Iterator[None]:
        """Makes the folder, and keeps others from writing into it at the same time.

        Raises:
            OutputError: it is not a folder of score.py, is in use, or cannot be written.
        """
        self._check()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise OutputError(f"--output {self.path}: {error.strerror}; name another") from error
        try:
            self._lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def prepare(self, plan: Plan, *, is_new: bool) -> None:
        """Keeps the plan, and what is finished of it; removes what a kill left unfinished.

        Args:
            plan: the job.
            is_new: whether to remove the finished parts of the plan that is there.

        Raises:
            OutputError: the plan that is there is another one.
        """
        before = self._read_plan()
        if before is not None and is_new:
            self._remove_parts(before)
        elif before is not None:
            change = next(before.find_changes(plan), None)
            if change:
                raise OutputError(f"--output {self.path}: {change}; {START_OVER}")
        for path in self.path.rglob(f".*{UNFINISHED}"):
            path.unlink()
        document = plan.to_json().encode("utf-8", errors="surrogateescape")
        write_whole(self.path / PLAN_FILE, document)

    def find_part(self, name: str, *, number: int, suffix: str) -> Path:
        """Returns the path of a part of the file `name`; it exists when the part is finished."""
        return self.path / name / f"part-{number:05}{suffix}"

    def _check(self) -> None:
        if not os.path.lexists(self.path):
            return
        if not self.path.is_dir():
            raise OutputError(f"--output {self.path}: is a file; name a folder")
        found = {path.name for path in self.path.iterdir()} - {LOCK_FILE}
        unfinished = {name for name in found if name.endswith(UNFINISHED)}
        if found - unfinished and PLAN_FILE not in found:
            raise OutputError(
                f"--output {self.path}: holds {min(found)!r} but no {PLAN_FILE}, so score.py did "
                "not write it; name another folder"
            )

    def _lock(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"--output {self.path}: another score.py writes into it") from error

    def _read_plan(self) -> Plan | None:
        path = self.path / PLAN_FILE
        if not path.exists():
            return None
        try:
            return Plan.from_json(path.read_text(encoding="utf-8", errors="surrogateescape"))
        except ValueError as error:
            raise OutputError(f"{path}: {error}; delete {self.path}") from error

    def _remove_parts(self, plan: Plan) -> None:
        for name in plan.files:
            for path in (self.path / name).glob("part-*"):
                path.unlink()
