"""A server of the comparison, from its start to its end without a trace."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import psutil
from serving.triton_binary import SPIN_LOOPS
from serving.triton_server import SHARED_MEMORY, die_with_us, signals_ignored

from comparison.peer import Peer, Place, build_command
from comparison.peer_error import PeerError
from comparison.process_cost import list_tree
from comparison.venvs import choose_cause

STOP_TIMEOUT_S = 20.0
REST_TIMEOUT_S = 3.0
KILL_TIMEOUT_S = 5.0
LOG_TAIL_BYTES = 20_000


class ServerProcess:
    """A running server, as a context manager; whoever enters it asks until there is an answer.

    Args:
        peer: what to start.
        python: the interpreter that it runs on.
        repository: the model repository that is compared.
        dtype: what it is to compute in, where it can be told.
        num_workers: model processes, where it can have several.

    Attributes:
        place: where it listens; inside the context.
    """

    place: Place

    def __init__(
        self, peer: Peer, *, python: Path, repository: Path, dtype: str, num_workers: int
    ) -> None:
        self._peer, self._python, self._repository = peer, python, repository
        self._dtype, self._num_workers = dtype, num_workers
        self._process: subprocess.Popen[bytes] | None = None
        self._stop_signal = choose_stop_signal()

    def __enter__(self) -> ServerProcess:
        scratch = Path(tempfile.gettempdir(), f"emotion-{uuid.uuid4().hex[:12]}-{self._peer.key}")
        scratch.mkdir(mode=0o700)
        port, grpc_port = find_free_ports(2)
        self.place = Place(
            python=self._python,
            port=port,
            grpc_port=grpc_port,
            repository=self._repository,
            dtype=self._dtype,
            num_workers=self._num_workers,
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
        """Raises where the server ended.

        Raises:
            PeerError: with the line of its log that says most.
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
                    env=build_environment(self._peer.environment, place=place),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # a Ctrl-C in the terminal reaches us alone
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
        with signals_ignored():  # an impatient Ctrl-C must not cut this short
            if self._process is not None:
                stop_tree(self._process, number=self._stop_signal)
            for path in SHARED_MEMORY.glob(f"{self.place.scratch.name}-*"):
                path.unlink(missing_ok=True)
            shutil.rmtree(self.place.scratch, ignore_errors=True)


def choose_stop_signal() -> signal.Signals:
    """Returns what ends a server gently.

    All of them clean up after a Ctrl-C, and LitServe after nothing else; but where we were started
    with Ctrl-C ignored, they ignore it too.
    """
    is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    return signal.SIGTERM if is_ignored else signal.SIGINT


def stop_tree(process: subprocess.Popen[bytes], *, number: int) -> None:
    """Stops a process and what it started: gently, and what is left then by force.

    Args:
        process: the first of its process group.
        number: the gentle signal.
    """
    tree = list_tree(process.pid)
    with suppress(subprocess.TimeoutExpired):
        process.send_signal(number)
        process.wait(STOP_TIMEOUT_S)
    # What outlives its parent for a moment cleans up: multiprocessing's tracker, for one.
    psutil.wait_procs(tree[1:], timeout=REST_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with those that came since the list
    process.wait()
    for each in tree:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(tree, timeout=KILL_TIMEOUT_S)


def build_environment(extra: Mapping[str, str], *, place: Place) -> dict[str, str]:
    """Returns our environment for a server: its Python first, the model hub out of reach.

    Args:
        extra: variables that it needs besides.
        place: where it runs; what it writes goes where it is removed.
    """
    environment = {key: os.environ[key] for key in os.environ if key != "VIRTUAL_ENV"}
    inherited = environment.get("PATH", os.defpath)
    environment["PATH"] = os.pathsep.join([str(place.python.parent), inherited])
    own = {
        "HF_HUB_OFFLINE": "1",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(place.scratch),
        "GOMP_SPINCOUNT": SPIN_LOOPS,  # as ours: the caller is a neighbour on the same cores
    }
    return {**environment, **own, **extra}


def find_free_ports(number: int) -> list[int]:
    """Returns ports of 127.0.0.1 that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
