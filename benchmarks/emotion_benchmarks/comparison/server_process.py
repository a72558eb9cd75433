"""A server of the comparison, from its start until nothing of it is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil
from emotion_command.signals import hold_signals
from emotion_server.address import FREE_PORTS, claim_ports
from emotion_server.environment import build_environment
from emotion_server.triton_server import SHARED_MEMORY, die_with_us

from emotion_benchmarks.comparison.job import Job
from emotion_benchmarks.comparison.peers import (
    PEERS_FOLDER,
    Peer,
    PeerError,
    Place,
    build_command,
)
from emotion_benchmarks.comparison.process_cost import list_tree

STOP_TIMEOUT_S = 20.0
REST_TIMEOUT_S = 3.0
KILL_TIMEOUT_S = 5.0
LOG_TAIL_BYTES = 20_000


class ServerProcess:
    """A running server, as a context manager; it may not answer yet.

    Args:
        peer: what to start.
        python: the interpreter that it runs on.
        job: what it is asked.

    Attributes:
        place: where it listens; inside the context.
    """

    place: Place

    def __init__(self, peer: Peer, *, python: Path, job: Job) -> None:
        self._peer, self._python, self._job = peer, python, job
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_signal = choose_stop_signal()

    def __enter__(self) -> ServerProcess:
        scratch = Path(tempfile.gettempdir(), f"emotion-{uuid.uuid4().hex[:12]}-{self._peer.key}")
        scratch.mkdir(mode=0o700)
        address = claim_ports(FREE_PORTS)
        self.place = Place(
            python=self._python,
            port=address.http_port,
            grpc_port=address.grpc_port,
            repository=self._job.repository,
            dtype=self._job.dtype,
            num_workers=self._job.num_workers,
            scratch=scratch,
        )
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    @property
    def pid(self) -> int:
        """The process whose descendants the server is."""
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Checks that the server has not ended.

        Raises:
            PeerError: it has; the message has the most telling line of its log.
        """
        if self._process is None or self._process.poll() is None:
            return
        cause = choose_cause(self._read_log()) or "it left no message"
        raise PeerError(f"it ended with code {self._process.returncode}: {cause}")

    def _start(self) -> None:
        place = self.place
        folder = place.scratch / "work"  # some servers write files where they run
        folder.mkdir()
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [*die_with_us(), *build_command(self._peer, place=place)],
                    cwd=folder,
                    env=build_peer_environment(self._peer.environment, place=place),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C in the terminal reaches only us
                )
            except OSError as error:
                raise PeerError(f"it cannot be started: {error.strerror}") from error

    @property
    def _log(self) -> Path:
        return self.place.scratch / "log"

    def _read_log(self) -> list[str]:
        text = self._log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        return text.splitlines()

    def _stop(self) -> None:
        with hold_signals():  # further Ctrl-C must not cut this short
            if self._process is not None:
                stop_tree(self._process, number=self._stop_signal)
            for path in SHARED_MEMORY.glob(f"{self.place.scratch.name}-*"):
                path.unlink(missing_ok=True)
            shutil.rmtree(self.place.scratch, ignore_errors=True)


def choose_stop_signal() -> signal.Signals:
    """Returns the signal that ends a server gently.

    All of them clean up after Ctrl-C, LitServe only then. But if this process was started with
    Ctrl-C ignored, they ignore it too.
    """
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return signal.SIGTERM if is_ignored else signal.SIGINT


def stop_tree(process: subprocess.Popen[bytes], *, number: int) -> None:
    """Stops a process and its descendants: gently, then by force.

    Args:
        process: the first of its process group.
        number: the gentle signal.
    """
    tree = list_tree(process.pid)
    with suppress(subprocess.TimeoutExpired):
        process.send_signal(number)
        process.wait(STOP_TIMEOUT_S)
    # Some outlive their parent for a moment to clean up, as multiprocessing's tracker does.
    psutil.wait_procs(tree[1:], timeout=REST_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # and those that started since the list
    process.wait()
    for each in tree:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(tree, timeout=KILL_TIMEOUT_S)


def build_peer_environment(extra: Mapping[str, str], *, place: Place) -> dict[str, str]:
    """Returns the environment of a server: that of our Triton, but with the server's own Python.

    Args:
        extra: variables that it needs in addition.
        place: where it runs; its temporary files go to a folder that is removed.
    """
    environment = build_environment()
    environment.pop("VIRTUAL_ENV", None)
    environment["PATH"] = os.pathsep.join([str(place.python.parent), environment["PATH"]])
    own = {
        "PYTHONPATH": str(PEERS_FOLDER.parent),  # for the modules that the peers share
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(place.scratch),
    }
    return {**environment, **own, **extra}


def choose_cause(lines: Sequence[str]) -> str:
    """Returns the most telling line of a log, or "" if there is none."""
    filled = [line.strip() for line in lines if line.strip()]
    errors = [line for line in filled if "error" in line.split(":")[0].lower()]
    return (errors or filled or [""])[-1]
