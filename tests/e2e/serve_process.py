"""scripts/serve.py in a separate process, as an operator runs it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emotion_command.checkout import ROOT
from emotion_server.processes import find_children

SERVE = ROOT / "scripts" / "serve.py"
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

    @property
    def http_port(self) -> int:
        return int(re.search(r"HTTP \S+:(\d+),", self.output.read_text())[1])

    @property
    def metrics_port(self) -> int:
        return int(re.search(r"metrics http://\S+:(\d+)/", self.output.read_text())[1])

    def wait_until_ready(self) -> None:
        self._wait_until(lambda: "ready." in self.output.read_text())

    def wait_until_restarted(self) -> None:
        words = ("is back after", "is started again")
        self._wait_until(lambda: any(each in self.output.read_text() for each in words))

    def wait_until_triton_starts(self) -> None:
        self._wait_until(lambda: any(self._find_triton()))

    def _wait_until(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not is_done():
            assert self.process.poll() is None, self.errors.read_text()
            assert time.monotonic() < deadline, self.errors.read_text()
            time.sleep(0.1)

    def _find_triton(self) -> Iterator[int]:
        return _find(self.process.pid, "tritonserver")

    def stop(self, number: int = signal.SIGTERM, *, timeout_s: float = 40) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout_s)

    def triton_pid(self) -> int:
        return next(self._find_triton())

    def model_pid(self, model: str) -> int:
        """Returns the process of a Python model."""
        return next(_find(self.triton_pid(), f"/{model}/1/model.py"))

    def door_pid(self) -> int:
        return next(_find(self.process.pid, "server.door"))

    def descendants(self) -> list[int]:
        own = find_children(self.process.pid)
        return [*own, *(pid for each in own for pid in find_children(each))]

    def read_prefix(self) -> str:
        """Returns the beginning of the names of the server's shared memory and scratch folder."""
        command = find_children(self.process.pid)[self.triton_pid()]
        return re.search(r"shm-region-prefix-name=(\S+)", command)[1]


@contextmanager
def serve(
    *options: str, own_shared_memory: int = 0, environment: Mapping[str, str] | None = None
) -> Iterator[ServeProcess]:
    """Runs serve.py on free ports of 127.0.0.1, and stops it afterwards.

    Args:
        options: of serve.py.
        own_shared_memory: give it a /dev/shm of its own with so many bytes; needs root.
        environment: variables besides ours.
    """
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        ports = [f"--{name}-port=0" for name in ("http", "grpc", "metrics")]
        with output.open("w") as out, errors.open("w") as err:
            command = [sys.executable, str(SERVE), *ports, *options]
            if own_shared_memory:
                mount = f"mount -t tmpfs -o size={own_shared_memory} tmpfs /dev/shm"
                command = [
                    "unshare",
                    "--mount",
                    "sh",
                    "-c",
                    f'{mount} && exec "$@"',
                    "sh",
                    *command,
                ]
            variables = {**os.environ, **(environment or {})}
            process = subprocess.Popen(command, stdout=out, stderr=err, env=variables)
        try:
            yield ServeProcess(process, output, errors)
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)


def _find(parent: int, words: str) -> Iterator[int]:
    """Yields the children of a process that have these words in their command line."""
    return (pid for pid, command in find_children(parent).items() if words in command)


def are_gone(pids: list[int], *, within_s: float = 5) -> bool:
    """Returns whether the processes end; init reaps orphans with a delay."""
    deadline = time.monotonic() + within_s
    while alive := [pid for pid in pids if Path(f"/proc/{pid}").exists()]:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05 * len(alive))
    return True


def find_traces(prefix: str) -> list[Path]:
    """Returns what a server could leave behind: shared memory and its scratch folder."""
    folders = (SHARED_MEMORY, Path(tempfile.gettempdir()))
    return [path for folder in folders for path in folder.glob(f"{prefix}*")]
