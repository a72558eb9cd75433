"""A server of the comparison, from its start until nothing of it is left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from emotion_command.signals import hold_signals
from emotion_server.address import FREE_PORTS, claim_ports
from emotion_server.environment import build_environment
from emotion_server.processes import die_with_us
from emotion_server.scratch import SHARED_MEMORY

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
LOG, LOG_TAIL_BYTES = "log", 20_000


@dataclass(frozen=True)
class ServerProcess:
    """A running server, which may not answer yet.

    Attributes:
        place: where it listens.
        process: the one whose descendants the server is.
    """

    place: Place
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Checks that the server has not ended.

        Raises:
            PeerError: it has; the message has the most telling line of its log.
        """
        if self.process.poll() is None:
            return
        log = (self.place.scratch / LOG).read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace")
        cause = choose_cause(log.splitlines()) or "it left no message"
        raise PeerError(f"it ended with code {self.process.returncode}: {cause}")


@contextmanager
def run_server(peer: Peer, *, python: Path, job: Job) -> Iterator[ServerProcess]:
    """Starts a server, and stops it at the end of the context.

    Args:
        peer: what to start.
        python: the interpreter that it runs on.
        job: what it is asked.

    Raises:
        PeerError: it cannot be started.
    """
    stop_signal = choose_stop_signal()
    scratch = Path(tempfile.gettempdir(), f"emotion-{uuid.uuid4().hex[:12]}-{peer.key}")
    scratch.mkdir(mode=0o700)
    address = claim_ports(FREE_PORTS)
    place = Place(
        python=python,
        port=address.http_port,
        grpc_port=address.grpc_port,
        repository=job.repository,
        dtype=job.dtype,
        num_workers=job.num_workers,
        scratch=scratch,
    )
    process = None
    try:
        process = _start(peer, place=place)
        yield ServerProcess(place, process)
    finally:
        with hold_signals():  # further Ctrl-C must not cut this short
            if process is not None:
                stop_tree(process, number=stop_signal)
            for path in SHARED_MEMORY.glob(f"{scratch.name}-*"):
                path.unlink(missing_ok=True)
            shutil.rmtree(scratch, ignore_errors=True)


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


def build_peer_environment(
    python: Path, *, scratch: Path, extra: Mapping[str, str]
) -> dict[str, str]:
    """Returns the environment of a peer: that of our Triton, but with the peer's own Python.

    Args:
        python: its interpreter.
        scratch: a folder for its temporary files, which is removed.
        extra: variables that it needs in addition.
    """
    environment = build_environment(python=python.parent)
    environment.pop("VIRTUAL_ENV", None)
    own = {
        "PYTHONPATH": str(PEERS_FOLDER.parent),  # for the modules that the peers share
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(scratch),
    }
    return {**environment, **own, **extra}


def choose_cause(lines: Sequence[str]) -> str:
    """Returns the most telling line of a log, or "" if there is none."""
    filled = [line.strip() for line in lines if line.strip()]
    errors = [line for line in filled if "error" in line.split(":")[0].lower()]
    return (errors or filled or [""])[-1]


def _start(peer: Peer, *, place: Place) -> subprocess.Popen[bytes]:
    folder = place.scratch / "work"  # some servers write files where they run
    folder.mkdir()
    environment = build_peer_environment(
        place.python, scratch=place.scratch, extra=peer.environment
    )
    return start_process(
        build_command(peer, place=place),
        folder=folder,
        environment=environment,
        log_file=place.scratch / LOG,
    )


def start_process(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log_file: Path,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Starts a process that ends with this one, without a terminal, in a folder.

    Args:
        command: what to run.
        folder: where it runs.
        environment: all variables that it gets.
        log_file: for both of its outputs.
        descriptors: open files that it gets besides.

    Raises:
        PeerError: it cannot be started.
    """
    with log_file.open("wb") as log:
        try:
            return subprocess.Popen(
                [*die_with_us(), *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal reaches only us
                pass_fds=descriptors,
            )
        except OSError as error:
            raise PeerError(f"it cannot be started: {error.strerror}") from error
