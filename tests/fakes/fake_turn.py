"""One call to `FakeServer`, as its behaviours see it."""

from __future__ import annotations

import math
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

import grpc
from fake_contract import Inputs, answer, read_request
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

if TYPE_CHECKING:
    from fake_server import FakeServer

NO_DEADLINE_S = 1e9  # gRPC for Python says about 1e19 s if there is none
DEADLINE_SLACK_S = 0.02
DEADLINE_SLACK = 0.01  # a share: gRPC sends two or three digits of a deadline, rounded up


class Turn:
    """One call.

    Attributes:
        server: that got it.
        request: of the caller.
        arrived_s: by `time.monotonic()`.
        time_remaining_s: until its deadline when it arrived; infinite if it has none.
        inputs: the arrays of the request, empty before `read`.
    """

    def __init__(
        self, request: ModelInferRequest, *, context: grpc.ServicerContext, server: FakeServer
    ) -> None:
        self.server, self.request, self._context = server, request, context
        self.arrived_s = monotonic()
        remaining_s = context.time_remaining()
        self.time_remaining_s = remaining_s if remaining_s < NO_DEADLINE_S else math.inf
        self.inputs: Inputs = {}
        self._gone_s = math.inf
        self._gone = Event()
        if not context.add_callback(self._note_end):
            self._note_end()

    @property
    def model(self) -> str:
        return self.request.model_name

    def read(self) -> None:
        """Reads the inputs; raises a Refusal if the real server would, or a stricter one."""
        self.inputs = read_request(
            self.request, served=self.server.served, time_remaining_s=self.time_remaining_s
        )

    def answer(self) -> ModelInferResponse:
        """Returns the answer of the checkpoint served now, or raises a Refusal."""
        return answer(self.request, self.inputs, served=self.server.served)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until the call is cancelled, expires or is cut off, or the server stops."""
        return self._gone.wait(timeout_s)

    def is_gone(self) -> bool:
        """Returns whether the caller no longer waits."""
        return self._gone.is_set() or not self._context.is_active()

    def is_expired(self) -> bool:
        """Returns whether the call lasted until its deadline."""
        lasted_s = min(self._gone_s, monotonic()) - self.arrived_s
        return lasted_s >= self.time_remaining_s * (1 - DEADLINE_SLACK) - DEADLINE_SLACK_S

    def _note_end(self) -> None:  # gRPC also calls this after an answer, which has no effect
        self._gone_s = monotonic()
        self._gone.set()
