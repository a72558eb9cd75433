"""A fake of the Triton deployment, over real gRPC and stricter than the real one.

It serves `emotion` and `emotion_info` and misbehaves when told to. What it accepts and answers is
in fake_contract.py, what it can do instead in fake_behaviours.py. Everything but inference is
UNIMPLEMENTED: the real server says that it is ready even when a model is dead, so no client may
rely on that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Condition

import grpc
from fake_behaviours import Behaviour, Honest
from fake_contract import INPUTS, Inputs, Refusal, Served, Violation
from fake_turn import Turn
from tritonclient.grpc.service_pb2 import (
    ModelInferRequest,
    ModelInferResponse,
    ServerLiveRequest,
    ServerLiveResponse,
)
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

MAX_CALLS = 256  # at a time, one thread each; others wait unseen
STOP_TIMEOUT_S = 10.0
WAIT_TIMEOUT_S = 5.0
# A second server on the same port is an error, and requests may have any size.
OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1))


@dataclass(frozen=True)
class Call:
    """One inference call.

    Attributes:
        model: what was called, known or not.
        parameters: the request's parameters, such as `revision`.
        metadata: gRPC's, such as `user-agent`.
        inputs: the arrays by name, (rows, length) int64; empty for a violation.
        outputs: names of the requested outputs; empty for all.
        peer: address of the caller's connection, such as "ipv4:127.0.0.1:45678".
        time_remaining_s: until its deadline when it arrived; infinite if it has none.
        ending: None while it is in progress, then "answered", "refused", "expired" (its deadline
            passed), "cancelled" (by the caller, or its connection broke), "stopped" (the server
            was stopped), "failed" (a behaviour raised an exception: the test is wrong).
    """

    model: str
    parameters: dict[str, str | int | float | bool]
    metadata: dict[str, str | bytes]
    inputs: Inputs
    outputs: tuple[str, ...]
    peer: str
    time_remaining_s: float
    ending: str | None = None


class FakeServer(GRPCInferenceServiceServicer):
    """A server on 127.0.0.1, as a context manager: running inside. Thread-safe.

    Args:
        tokenizer_json: the tokenizer as one JSON document.
        labels: names in the order of the probabilities.
        max_length: maximum tokens of a row.
        revision: 64 hex digits.

    Attributes:
        port: where it listens, also after a restart; 0 before the first start.
        served: the checkpoint behind the models, such as `served.revision`.
        always: what `emotion` does when the steps of `behave` are used up; None is honest.
        always_info: the same for `emotion_info`.
    """

    def __init__(
        self,
        *,
        tokenizer_json: str,
        labels: Sequence[str],
        max_length: int = 128,
        revision: str = "a" * 64,
    ) -> None:
        self.port = 0
        self.always: Behaviour | None = None
        self.always_info: Behaviour | None = None
        self.served = Served(tokenizer_json, tuple(labels), max_length, revision)
        self._changed = Condition()  # guards everything below, and signals calls that start or end
        self._steps: dict[str, deque[Behaviour]] = {model: deque() for model in INPUTS}
        self._calls: list[Call] = []
        self._violations: list[str] = []
        self._num_active = self._most_active = 0
        self._server: grpc.Server | None = None
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> FakeServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address, "127.0.0.1:PORT", also while it is stopped."""
        assert self.port, "the server has no port before its first start"
        return f"127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Call]:
        """All calls in the order of their arrival, over restarts."""
        with self._changed:
            return list(self._calls)

    @property
    def models(self) -> list[str]:
        """The models of all calls."""
        return [call.model for call in self.calls]

    @property
    def violations(self) -> list[str]:
        """What a correct client never sends; each one got INVALID_ARGUMENT."""
        with self._changed:
            return list(self._violations)

    @property
    def most_active(self) -> int:
        """The most calls in progress at a time so far."""
        return self._most_active

    def start(self) -> None:
        """Listens, on the same port each time."""
        pool = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="fake-server")
        server = grpc.server(pool, options=OPTIONS)
        add_GRPCInferenceServiceServicer_to_server(self, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server, self._pool = server, pool

    def stop(self) -> None:
        """Drops all calls and connections at once; returns when the last thread has ended."""
        server, self._server = self._server, None
        if server is None:
            return
        assert server.stop(0).wait(STOP_TIMEOUT_S), "a call does not end"
        assert self._pool is not None
        self._pool.shutdown()

    def reload(self, *, revision: str | None = None, tokenizer_json: str | None = None) -> None:
        """Serves another checkpoint from now on; None keeps a value."""
        changes = {"revision": revision, "tokenizer_json": tokenizer_json}
        given = {name: value for name, value in changes.items() if value is not None}
        with self._changed:
            self.served = replace(self.served, **given)

    def behave(self, *steps: Behaviour, model: str = "emotion") -> None:
        """Sets what the next calls of a model do, one step each, after the steps already set."""
        with self._changed:
            self._steps[model].extend(steps)

    def wait_until_active(self, num_calls: int, *, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Waits until this many calls are in progress.

        Raises:
            TimeoutError: with the last number.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._num_active == num_calls, timeout_s):
                raise TimeoutError(f"{self._num_active} calls are in progress, not {num_calls}")

    def ServerLive(  # noqa: N802, the name in the protocol
        self, request: ServerLiveRequest, context: grpc.ServicerContext
    ) -> ServerLiveResponse:
        return ServerLiveResponse(live=True)

    def ModelInfer(  # noqa: N802, the name in the protocol
        self, request: ModelInferRequest, context: grpc.ServicerContext
    ) -> ModelInferResponse:
        turn = Turn(request, context=context, server=self)
        number = self._enter(turn, context=context)
        ending = "failed"
        try:
            response = self._act(turn, number=number)
            ending = "answered"
            return response
        except Refusal as refusal:
            ending = "refused"
            if isinstance(refusal, Violation):
                with self._changed:
                    self._violations.append(refusal.message)
            context.abort(refusal.code, refusal.message)
        finally:
            self._leave(turn, number=number, ending=ending)

    def _act(self, turn: Turn, *, number: int) -> ModelInferResponse:
        turn.read()
        with self._changed:
            self._calls[number] = replace(self._calls[number], inputs=turn.inputs)
            steps = self._steps[turn.model]
            always = self.always if turn.model == "emotion" else self.always_info
            behaviour = steps.popleft() if steps else always or Honest()
        return behaviour.act(turn)

    def _enter(self, turn: Turn, *, context: grpc.ServicerContext) -> int:
        request = turn.request
        call = Call(
            model=turn.model,
            parameters={
                name: getattr(value, value.WhichOneof("parameter_choice"))
                for name, value in request.parameters.items()
            },
            metadata=dict(context.invocation_metadata()),
            inputs={},
            outputs=tuple(output.name for output in request.outputs),
            peer=context.peer(),
            time_remaining_s=turn.time_remaining_s,
        )
        with self._changed:
            self._calls.append(call)
            self._num_active += 1
            self._most_active = max(self._most_active, self._num_active)
            self._changed.notify_all()
            return len(self._calls) - 1

    def _leave(self, turn: Turn, *, number: int, ending: str) -> None:
        if turn.is_gone() and ending != "failed":
            is_stopped = self._server is None
            ending = "expired" if turn.is_expired() else "stopped" if is_stopped else "cancelled"
        with self._changed:
            self._calls[number] = replace(self._calls[number], ending=ending)
            self._num_active -= 1
            self._changed.notify_all()
