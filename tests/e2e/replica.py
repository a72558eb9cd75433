"""A real server that dies and comes back at the same address."""

from __future__ import annotations

import signal
from contextlib import ExitStack

from e2e.serve_process import are_gone, serve
from emotion_server.address import FREE_PORTS, claim_ports

DEATHS = {"killed": signal.SIGKILL, "stopped": signal.SIGTERM}


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
        left = self.running.descendants()
        self.running.process.send_signal(DEATHS[death])
        self.running.process.wait(60)
        assert are_gone(left, within_s=30)
        self._stack.close()
        self.start()
