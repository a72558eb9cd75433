"""Starts and stops a Triton Inference Server.

Commands and tests run Triton only through `TritonServer`; `triton_binary` finds the binary.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from emotion_client.channel import open_triton
from emotion_client.errors import EmotionError, ServerError
from emotion_command.open_files import allow_open_files
from emotion_command.output import put
from emotion_command.signals import hold_signals
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.errors import CheckpointError
from tritonclient.grpc import InferenceServerClient

from emotion_server.address import Address, claim_ports
from emotion_server.admin_calls import build_lock_options, make_key
from emotion_server.errors import StartError
from emotion_server.probe import check
from emotion_server.processes import die_with_us, find_children, is_alive
from emotion_server.scratch import Scratch
from emotion_server.triton_binary import TritonBinary, find_triton

START_TIMEOUT_S = 300.0
REPORT_INTERVAL_S = 5.0
EXIT_TIMEOUT_S = 15  # Triton waits this long for requests in flight
KILL_AFTER_S = EXIT_TIMEOUT_S + 5.0
READER_TIMEOUT_S = 5.0
NUM_KEPT_LINES = 200
MIN_OPEN_FILES = 256
MODELS = "models"
"""The link to the repository in the scratch folder."""
MODEL_COMMAND = re.compile(r"/([^/ ]+)/1/model\.py")
TRITON_LINE = re.compile(r"([IWEF])\d{4} ")
# Triton logs these as errors at every start on a machine without a GPU.
HARMLESS_WITHOUT_GPU = (
    "CudaDriverHelper has not been initialized",
    "CUDA driver version is insufficient",
)
GPU_DEVICE = Path("/dev/nvidiactl")


@dataclass
class TritonServer:
    """A running Triton, as a context manager: ready inside; stopped and cleaned up afterwards.

    The thread that enters it must live as long as the server, since the kernel stops Triton when
    that thread ends. After an abnormal end, Triton leaves an empty folder `/tmp/python_env_*`.

    Args:
        repository: the model repository to serve.
        address: where to listen.
        is_verbose: forward all of Triton's log to standard error, not only errors.
        admin_key: unlocks the administrative calls (see `admin_calls`); "" locks them.
        has_summaries: also publish quantiles of request and queue time. On two cores of an AMD
            EPYC this costs a tenth of the rate of short texts: 674 instead of 752 per second,
            medians of six alternating rounds (2026-11).
        report: gets a line of progress every few seconds while Triton starts.
        check: called often while Triton starts; what it raises ends the start.

    Attributes:
        models: the processes of each Python model, one per instance, by the model's name.

    Raises:
        StartError: on entering, if Triton does not become ready.

    Example:
        >>> with TritonServer(Path("model_repository")) as server:  # doctest: +SKIP
        ...     print(server.address.url)
    """

    repository: Path
    address: Address = field(default=Address(), kw_only=True)
    is_verbose: bool = field(default=False, kw_only=True)
    admin_key: str = field(default="", kw_only=True, repr=False)
    has_summaries: bool = field(default=False, kw_only=True)
    report: Callable[[str], None] = field(default=lambda _: None, kw_only=True)
    check: Callable[[], None] = field(default=lambda: None, kw_only=True)

    def __enter__(self) -> TritonServer:
        check_repository(self.repository)
        allow_open_files(MIN_OPEN_FILES, use="Triton")
        self.address = claim_ports(self.address)
        self._scratch = Scratch()
        self._log = deque[str](maxlen=NUM_KEPT_LINES)
        self._is_broken = False
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        try:
            self._start(self._set_up())
            self._wait_until_ready()
            self.models = self._find_models()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def is_running(self) -> bool:
        """Returns whether the Triton process runs, healthy or not."""
        return self._process is not None and self._process.poll() is None

    def find_dead_model(self) -> str | None:
        """Returns the name of a model whose process has ended, if there is one."""
        for model, pids in self.models.items():
            if not all(is_alive(pid) for pid in pids):
                return model
        return None

    def mark_broken(self) -> None:
        """Marks a model as dead or hung, so that `stop` does not wait for its requests."""
        self._is_broken = True

    def stop(self) -> None:
        """Stops Triton and removes what it leaves behind.

        Triton waits for requests in flight. Another Ctrl-C skips that wait, if it comes at least
        `emotion_command.signals.QUIET_S` after the one that stopped the command.
        """
        try:
            if self._process is not None and self.is_running() and not self._is_broken:
                self._process.send_signal(signal.SIGTERM)
                self._process.wait(KILL_AFTER_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            pass
        finally:
            self._remove_traces()

    def last_error(self) -> str:
        """Returns the most specific error in Triton's log, or "" if there is none."""
        errors = [line for line in self._log if is_error(line)]
        causes = [line for line in errors if "failed to load" in line] or errors[-1:]
        if not causes:
            return ""
        sentence = causes[0].split("] ", 1)[-1]
        sentence = sentence.replace(str(self._scratch.folder / MODELS), str(self.repository))
        return sentence.split("\\n\\nAt:")[0].strip().strip('"')  # "At:" starts a Python trace

    def describe_exit(self) -> str:
        """Returns how the Triton process ended, and the last error that it logged."""
        code = self._process.poll() if self._process is not None else None
        name = signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"
        return f"it ended with {name}; its last error: {self.last_error() or 'none'}"

    def _set_up(self) -> TritonBinary:
        try:
            self._scratch.create()
            self._scratch.link(MODELS, self.repository)
            return find_triton(scratch=self._scratch.folder)
        except OSError as error:
            reason = error.strerror or "the copy failed"  # shutil's errors have no strerror
            raise StartError(
                f"cannot write {self._scratch.folder}: {reason}; free space there, or set TMPDIR"
            ) from error

    def _start(self, triton: TritonBinary) -> None:
        self._process = subprocess.Popen(
            [*die_with_us(), *triton.command, *self._options()],
            env=triton.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C in the terminal reaches only us; we stop Triton
            pass_fds=[self._scratch.lock],
        )
        assert self._process.stderr is not None
        self._reader = threading.Thread(
            target=self._read_log, args=[self._process.stderr], daemon=True
        )
        self._reader.start()

    def _options(self) -> list[str]:
        address = self.address
        return [
            f"--model-repository={self._scratch.folder / MODELS}",
            "--disable-auto-complete-config",
            f"--backend-config=python,shm-region-prefix-name={self._scratch.prefix}",
            f"--exit-timeout-secs={EXIT_TIMEOUT_S}",
            f"--http-address={address.host}",
            f"--grpc-address={address.host}",
            f"--metrics-address={address.host}",
            f"--http-port={address.http_port}",
            f"--grpc-port={address.grpc_port}",
            f"--metrics-port={address.metrics_port}",
            f"--metrics-config=summary_latencies={str(self.has_summaries).lower()}",
            *build_lock_options(self.admin_key or make_key()),
        ]

    def _read_log(self, pipe: IO[str]) -> None:
        is_shown = self.is_verbose
        with pipe:
            for line in pipe:
                self._log.append(line)
                if TRITON_LINE.match(line):  # any other line continues the one before
                    is_shown = self.is_verbose or is_error(line)
                if is_shown:
                    put(line.rstrip("\n"), stream=sys.stderr)

    def _wait_until_ready(self) -> None:
        start = time.monotonic()
        next_report_s = REPORT_INTERVAL_S
        with open_triton(self.address.url) as server:
            while (error := self._try(server)) is not None:
                self.check()
                waited_s = time.monotonic() - start
                if waited_s > START_TIMEOUT_S:
                    raise StartError(f"Triton is not ready after {waited_s:.0f} s: {error}")
                if waited_s > next_report_s:
                    self.report(f"the models load and warm up, {waited_s:.0f} s so far")
                    next_report_s += REPORT_INTERVAL_S
                time.sleep(0.2)

    def _try(self, server: InferenceServerClient) -> EmotionError | None:
        if not self.is_running():
            if self._reader is not None:
                self._reader.join(READER_TIMEOUT_S)
            cause = self.last_error() or "it logged no error; run it with --verbose"
            raise StartError(f"Triton stopped during its start: {cause}")
        try:
            check(server, url=self.address.url, timeout_s=5.0)
        except ServerError as error:
            raise StartError(f"Triton is running, but a model fails: {error}") from error
        except EmotionError as error:
            return error
        return None

    def _find_models(self) -> dict[str, list[int]]:
        assert self._process is not None
        found: dict[str, list[int]] = {}
        for pid, command in find_children(self._process.pid).items():
            if (match := MODEL_COMMAND.search(command)) is not None:
                found.setdefault(match[1], []).append(pid)
        return found

    def _remove_traces(self) -> None:
        with hold_signals():  # ignore further Ctrl-C during cleanup
            if self._process is not None:
                with suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)  # Triton and its models
                self._process.wait()
            if self._reader is not None:
                self._reader.join(READER_TIMEOUT_S)
            self._scratch.remove()


def is_error(line: str) -> bool:
    """Returns whether a line of Triton's log reports an error that matters."""
    severity = TRITON_LINE.match(line)
    if severity is None or severity[1] not in "EF":
        return False
    return GPU_DEVICE.exists() or not any(phrase in line for phrase in HARMLESS_WITHOUT_GPU)


def check_repository(repository: Path) -> None:
    """Refuses a repository without a complete checkpoint before Triton is started.

    Raises:
        StartError: names what is missing or broken.
    """
    config = repository / "emotion" / "config.pbtxt"
    if not config.is_file():
        raise StartError(f"{config} is missing; expected a repository like this project's")
    checkpoint = repository / "emotion" / "1" / "checkpoint"
    if not checkpoint.is_dir():
        raise StartError(f"{checkpoint} is missing; run `make prepare`")
    try:
        read_checkpoint(checkpoint)
    except (CheckpointError, OSError) as error:
        raise StartError(f"{checkpoint} cannot be served: {error}") from error
