"""An engine in a process of its own, which waits for its turns."""

from __future__ import annotations

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from emotion_command.signals import hold_signals
from numpy.typing import NDArray

from emotion_benchmarks.comparison.peers import PEERS_FOLDER, PeerError, find_python
from emotion_benchmarks.comparison.server_process import (
    LOG,
    build_peer_environment,
    choose_cause,
    start_process,
    stop_tree,
)
from emotion_benchmarks.engines.contenders import Contender
from emotion_benchmarks.engines.job import EngineJob, Rows

PROCESS = PEERS_FOLDER / "engine_process.py"
TIMEOUT_S = 1200.0


@dataclass(frozen=True, eq=False)
class Tuned:
    """An engine that is ready for a workload.

    Attributes:
        probabilities: (num_rows, num_labels), at this setting.
        setting: the lanes and batches that were fastest.
    """

    probabilities: NDArray[np.float32]
    setting: str


@dataclass(frozen=True)
class RunningEngine:
    """An engine that is loaded.

    Attributes:
        process: the first of its process group.
        connection: to `PROCESS`.
        log_file: what it has written.
    """

    process: subprocess.Popen[bytes]
    connection: Connection
    log_file: Path

    def tune(self, rows: Rows) -> Tuned:
        """Lets the engine find its fastest setting for some rows, which it keeps.

        Raises:
            PeerError: it failed, or took too long.
        """
        found = self.ask(rows)
        return Tuned(np.array(found["probabilities"], dtype=np.float32), found["setting"])

    def time(self, seconds: float) -> float:
        """Lets the engine compute the rows for some seconds, or once if that takes longer.

        Returns:
            The seconds of a call, the median.

        Raises:
            PeerError: it failed, or took too long.
        """
        return float(median(self.ask(seconds)))

    def ask(self, order: Any) -> Any:
        """Sends an order; returns the answer.

        Raises:
            PeerError: it failed, or took too long.
        """
        try:
            self.connection.send(order)
            if not self.connection.poll(TIMEOUT_S):
                raise PeerError(f"it did not answer within {TIMEOUT_S:.0f} s")
            return self.connection.recv()
        except (EOFError, ConnectionError):
            raise PeerError(self._explain()) from None

    def _explain(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        cause = choose_cause(lines) or "it left no message"
        return f"it ended with code {self.process.poll()}: {cause}"


@contextmanager
def run_engine(
    contender: Contender, *, job: EngineJob, num_threads: int
) -> Iterator[RunningEngine]:
    """Loads an engine in a new process, of which nothing is left after the context.

    Args:
        contender: the engine.
        job: the model.
        num_threads: of the engine.

    Raises:
        PeerError: it is not installed, failed, or took too long.
    """
    python = find_python(contender.folder)
    options = {
        "engine": contender.engine,
        "kind": contender.kind,
        "checkpoint": job.checkpoint,
        "threads": num_threads,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [str(python), str(PROCESS), *arguments]
        with start(command, python=python, scratch=Path(folder)) as engine:
            engine.ask(job.calibration)
            yield engine


@contextmanager
def start(command: list[str], *, python: Path, scratch: Path) -> Iterator[RunningEngine]:
    """Starts a command with a connection to it, and ends it with the context."""
    connection, other = Pipe()
    with connection:
        with other:
            process = start_process(
                [*command, f"--connection={other.fileno()}"],
                folder=scratch,
                environment=build_peer_environment(python, scratch=scratch, extra={}),
                log_file=scratch / LOG,
                descriptors=(other.fileno(),),
            )
        try:
            yield RunningEngine(process, connection, scratch / LOG)
        finally:
            with hold_signals():  # further Ctrl-C must not cut this short
                stop_tree(process, number=signal.SIGTERM)
