"""scripts/serve.py as a process of its own, as an operator runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from serving.triton_server import REPOSITORY

SERVE = REPOSITORY.parent / "scripts" / "serve.py"
SHARED_MEMORY = Path("/dev/shm")
READY_TIMEOUT_S = 200


@dataclass
class ServeProcess:
    """A running serve.py.

    Attributes:
        process: the process.
        output: file with its standard output.
        errors: file with its standard error.
    """

    process: subprocess.Popen
    output: Path
    errors: Path

    @property
    def url(self) -> str:
        return re.search(r"gRPC (\S+),", self.output.read_text())[1]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while "ready." not in self.output.read_text():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline, self.errors.read_text()
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM, *, timeout_s: float = 40) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def triton_pid(self) -> int:
        return next(pid for pid in children(self.process.pid) if "tritonserver" in command(pid))

    def model_pid(self, model: str) -> int:
        """Returns the process of a Python model."""
        pids = children(self.triton_pid())
        return next(pid for pid in pids if f"/{model}/1/model.py" in command(pid))

    def descendants(self) -> list[int]:
        triton = self.triton_pid()
        return [triton, *children(triton)]


@contextmanager
def serve(*options: str) -> Iterator[ServeProcess]:
    """Runs serve.py on free ports of 127.0.0.1; it is dead afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
        with output.open("w") as out, errors.open("w") as err:
            command = [sys.executable, str(SERVE), *ports, *options]
            process = subprocess.Popen(command, stdout=out, stderr=err)
        try:
            yield ServeProcess(process, output, errors)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)


def children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def are_gone(pids: list[int], *, within_s: float = 5) -> bool:
    """Returns whether the processes end; init reaps orphans a moment after their death."""
    deadline = time.monotonic() + within_s
    while alive := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05 * len(alive))
    return True


def traces() -> set[str]:
    """Returns what a server may leave behind: shared memory and scratch folders."""
    scratch = Path(tempfile.gettempdir()).glob("emotion-*-triton")
    return {str(path) for path in [*SHARED_MEMORY.glob("emotion-*"), *scratch]}
