"""Runs the door in front of a Triton, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, field

from emotion_server.address import Address
from emotion_server.processes import die_with_us

MAX_WAIT_S = 2.0
STOP_TIMEOUT_S = 20.0


@dataclass
class DoorProcess:
    """The door, as a context manager.

    Args:
        address: where it listens; the metrics port is Triton's own.
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
        """Starts it; it may be called again after its death."""
        self._process = subprocess.Popen(
            [*die_with_us(), sys.executable, "-m", "emotion_server.door"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C in the terminal reaches only us
        )
        assert self._process.stdin is not None
        with self._process.stdin as settings:
            json.dump(
                {
                    "host": self.address.host,
                    "grpc_port": self.address.grpc_port,
                    "http_port": self.address.http_port,
                    "triton_grpc_port": self.triton.grpc_port,
                    "triton_http_port": self.triton.http_port,
                    "max_wait_s": self.max_wait_s,
                    "admin_key": self.admin_key,
                },
                settings,
            )

    def is_running(self) -> bool:
        """Returns whether the process runs."""
        return self._process.poll() is None

    def describe_exit(self) -> str:
        """Returns how the process ended."""
        code = self._process.poll()
        return signal.Signals(-code).name if code is not None and code < 0 else f"code {code}"

    def stop(self) -> None:
        """Lets it answer the requests that it has, and ends it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except (KeyboardInterrupt, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
