"""Whether each model answers, and tells a busy one from one that hangs.

Each model is asked over and over by a thread of its own. One that does not answer but uses the
processor is at work on something long.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from emotion_client.channel import open_triton
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from emotion_server.probe import build_probe
from emotion_server.processes import is_stopped, read_cpu_s

INTERVAL_S = 1.0
TIMEOUT_S = 3.0
# A model that neither answers nor computes for so long hangs; one that computes without an answer
# for the longer time does so for ever.
IDLE_HANG_S, BUSY_HANG_S = 6.0, 60.0
# One that was stopped by a signal is not waited for so long.
STOPPED_HANG_S = 2.0
MIN_CPU_S = 0.05


@dataclass
class Pulse:
    """One model's.

    Args:
        model: its name.
        pid: its process.
        url: "host:port" of Triton.
        ask: asks once, within so many seconds; None asks the model for an answer.
    """

    model: str
    pid: int
    url: str
    ask: Callable[[InferenceServerClient, float], None] | None = None
    answered_at: float = field(default_factory=monotonic, init=False)
    worked_at: float = field(default_factory=monotonic, init=False)
    ran_at: float = field(default_factory=monotonic, init=False)

    def __post_init__(self) -> None:
        self._cpu_s = read_cpu_s(self.pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)
        self._thread.start()

    def is_hung(self) -> bool:
        """Returns whether the model will not answer any more. Call it often."""
        now, cpu_s = monotonic(), read_cpu_s(self.pid)
        if cpu_s - self._cpu_s >= MIN_CPU_S:
            self._cpu_s, self.worked_at = cpu_s, now
        if not is_stopped(self.pid):
            self.ran_at = now
        silent_s = now - self.answered_at
        idle_s = min(silent_s, now - self.worked_at)
        stopped_s = now - self.ran_at
        return idle_s > IDLE_HANG_S or silent_s > BUSY_HANG_S or stopped_s > STOPPED_HANG_S

    def stop(self) -> None:
        """Ends the thread soon."""
        self._is_over.set()

    def _ask_on(self) -> None:
        ask = self.ask or partial(ask_model, self.model)
        with open_triton(self.url) as server:
            while not self._is_over.wait(INTERVAL_S):
                try:
                    ask(server, TIMEOUT_S)
                except InferenceServerException:
                    continue
                self.answered_at = monotonic()


def ask_model(model: str, server: InferenceServerClient, timeout_s: float) -> None:
    """Asks a model for an answer."""
    inputs, outputs = build_probe(model)
    server.infer(model, inputs, outputs=outputs, client_timeout=timeout_s)
