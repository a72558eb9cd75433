"""A real server that dies and comes back at the same address."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack

from e2e.serve_process import serve
from emotion_server.address import FREE_PORTS, claim_ports

DEATHS = {
    "killed": lambda running: os.kill(running.triton_pid(), signal.SIGKILL),
    "stopped": lambda running: running.process.send_signal(signal.SIGTERM),
    "model-killed": lambda running: os.kill(running.model_pid("emotion"), signal.SIGKILL),
}


class Replica:
    """serve.py on ports of its own, where it can start again."""

    def __init__(self, repository):
        address = claim_ports(FREE_PORTS)
        self.url = address.url
        self._options = [f"--model-repository={repository}"] + [
            f"--{name}-port={getattr(address, f'{name}_port')}"
            for name in ("http", "grpc", "metrics")
        ]
        self._stack = ExitStack()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start(self):
        self.running = self._stack.enter_context(serve(*self._options))
        self.running.wait_until_ready()

    def die_and_start_again(self, death):
        DEATHS[death](self.running)
        self.running.process.wait(60)
        self._stack.close()
        self.start()
