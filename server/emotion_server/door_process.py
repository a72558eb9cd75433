"""Runs the door in front of a Triton, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from select import select
from typing import Any

from emotion_server.address import Address
from emotion_server.processes import die_with_us

MAX_WAIT_S = 2.0
STOP_TIMEOUT_S, SWITCH_TIMEOUT_S = 20.0, 20.0


@dataclass
class DoorProcess:
    """The door, as a context manager.

    Args:
        address: where it listens.
        triton: where Triton listens, on this machine.
        max_wait_s: the longest that a request waits for its turn; beyond it, it is refused.
        admin_key: opens the administrative calls; "" keeps them locked.
    """

    address: Address
    triton: Address
    max_wait_s: float = field(default=MAX_WAIT_S, kw_only=True)
    admin_key: str = field(default="", kw_only=True, repr=False)

    def __enter__(self) -> DoorProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it; it may be called again after `kill`."""
        self._process = subprocess.Popen(
            [*die_with_us(), sys.executable, "-m", "emotion_server.door"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal reaches only us
        )
        self._write(
            {
                "address": asdict(self.address),
                "triton": asdict(self.triton),
                "max_wait_s": self.max_wait_s,
                "admin_key": self.admin_key,
            }
        )

    def switch(self, triton: Address) -> None:
        """Sends new requests to another Triton; what the old one has stays there."""
        self.triton = triton
        if not self.is_running():
            return  # the next start will know
        self._write(asdict(triton))
        answers = self._process.stdout
        assert answers is not None
        if select([answers], [], [], SWITCH_TIMEOUT_S)[0]:
            answers.readline()
        else:
            self.kill()  # it hangs; the next start will know

    def _write(self, document: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(document) + "\n")
            self._process.stdin.flush()

    def _close_pipes(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def is_running(self) -> bool:
        """Returns whether the process runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def kill(self) -> None:
        """Ends it at once, if it has not ended."""
        self._process.kill()
        self._process.wait()
        self._close_pipes()

    def describe_exit(self) -> str:
        """Returns how the process ended."""
        code = self._process.poll()
        return signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"

    def stop(self) -> None:
        """Lets it answer the requests that it has, and ends it."""
        self._process.terminate()
        with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        self.kill()
