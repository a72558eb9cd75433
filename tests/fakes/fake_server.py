"""A stand-in for the Triton deployment, over real gRPC, stricter than the real one.

It serves `emotion` and `emotion_info` and misbehaves on purpose. What it accepts and answers lives
in fake_contract.py, what it can do instead in fake_behaviours.py. Everything but inference is
UNIMPLEMENTED: a client that asks whether the server is ready would trust an answer that the real
one gives with a dead model behind it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Condition
from types import TracebackType

import grpc
from fake_behaviours import Behaviour, Honest
from fake_contract import INPUTS, Inputs, Refusal, Served, Violation
from fake_turn import Turn
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

MAX_CALLS = 256  # at a time, a thread each; more wait unseen
STOP_TIMEOUT_S = 10.0
WAIT_TIMEOUT_S = 5.0
# Another server on the same port is an error, and requests may be of any size.
OPTIONS = (("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", -1))


@dataclass(frozen=True)
class Call:
    """One call of an inference.

    Attributes:
        model: what was called, known or not.
        parameters: the request's parameters, such as `revision`.
        metadata: gRPC's, such as `user-agent`.
        inputs: the arrays by name, (rows, length) int64; empty for a call that was a violation.
        outputs: names of the outputs that were asked for; empty for all.
        peer: address of the caller's connection, such as "ipv4:127.0.0.1:45678".
        arrived_s: when, by `time.monotonic()`.
        time_remaining_s: until its deadline when it arrived; infinite where it has none.
        ending: None while it is inside, then "answered", "refused", "expired" (it ran out of its
            deadline), "cancelled" (the caller gave up, or the connection broke), "stopped" (the
            server was stopped), "failed" (an exception in a behaviour: the test is wrong).
    """

    model: str
    parameters: dict[str, str | int | float | bool]
    metadata: dict[str, str | bytes]
    inputs: Inputs
    outputs: tuple[str, ...]
    peer: str
    arrived_s: float
    time_remaining_s: float
    ending: str | None = None


class FakeServer(GRPCInferenceServiceServicer):
    """A server on 127.0.0.1, as a context manager: running inside. Safe to use from many threads.

    Args:
        tokenizer_json: the tokenizer as one JSON document.
        labels: names in the order of the probabilities.
        max_length: most tokens of a row.
        revision: 64 hex digits.
        problem_type: told by `emotion_info`; the probabilities are a softmax whatever it is.
        port: where to listen; 0 takes a free one and keeps it.

    Attributes:
        port: where it listens, or did; 0 before the first start with a free one.
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
        problem_type: str = "single_label_classification",
        port: int = 0,
    ) -> None:
        self.port = port
        self.always: Behaviour | None = None
        self.always_info: Behaviour | None = None
        self.served = Served(tokenizer_json, tuple(labels), max_length, revision, problem_type)
        self._changed = Condition()  # guards all below, and tells of calls that come and go
        self._steps: dict[str, deque[Behaviour]] = {model: deque() for model in INPUTS}
        self._calls: list[Call] = []
        self._violations: list[str] = []
        self._num_active = self._most_active = 0
        self._server: grpc.Server | None = None
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> FakeServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address, "127.0.0.1:PORT"; of a stopped server too."""
        assert self.port, "the server has no port before its first start"
        return f"127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Call]:
        """All calls in the order in which they came, over restarts."""
        with self._changed:
            return list(self._calls)

    @property
    def violations(self) -> list[str]:
        """What callers did that a correct client never does; each got INVALID_ARGUMENT."""
        with self._changed:
            return list(self._violations)

    @property
    def num_active(self) -> int:
        """Calls inside now."""
        return self._num_active

    @property
    def most_active(self) -> int:
        """Most calls that were ever inside at a time."""
        return self._most_active

    @property
    def num_steps_left(self) -> int:
        """Steps of `behave` that no call has used yet."""
        with self._changed:
            return sum(map(len, self._steps.values()))

    def start(self) -> None:
        """Listens, if it does not yet.

        Raises:
            RuntimeError: the port is taken.
        """
        if self._server is not None:
            return
        pool = ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="fake-server")
        server = grpc.server(pool, options=OPTIONS)
        add_GRPCInferenceServiceServicer_to_server(self, server)
        self.port = server.add_insecure_port(f"127.0.0.1:{self.port}")
        server.start()
        self._server, self._pool = server, pool

    def stop(self) -> None:
        """Drops all calls and connections at once; returns when the last thread is gone."""
        server, self._server = self._server, None
        if server is None:
            return
        assert server.stop(0).wait(STOP_TIMEOUT_S), "a call does not end"
        assert self._pool is not None
        self._pool.shutdown()

    def restart(self, *, revision: str | None = None, tokenizer_json: str | None = None) -> None:
        """Stops, and starts on the same port, with another checkpoint if one is given."""
        self.stop()
        self.reload(revision=revision, tokenizer_json=tokenizer_json)
        self.start()

    def reload(self, *, revision: str | None = None, tokenizer_json: str | None = None) -> None:
        """Serves another checkpoint from now on, without a gap; what is None stays."""
        changes = {"revision": revision, "tokenizer_json": tokenizer_json}
        given = {name: value for name, value in changes.items() if value is not None}
        with self._changed:
            self.served = replace(self.served, **given)

    def behave(self, *steps: Behaviour, model: str = "emotion") -> None:
        """Scripts the next calls of a model, one step each, after the steps already there."""
        with self._changed:
            self._steps[model].extend(steps)

    def wait_until_active(self, num_calls: int, *, timeout_s: float = WAIT_TIMEOUT_S) -> None:
        """Waits until so many calls are inside; 0 waits for the last one to leave.

        Raises:
            TimeoutError: with the number that was inside at last.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._num_active == num_calls, timeout_s):
                raise TimeoutError(f"{self._num_active} calls are inside, not {num_calls}")

    def ModelInfer(  # noqa: N802, its name in the protocol
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
            context.abort(refusal.code, refusal.message)
        finally:
            self._leave(turn, number=number, ending=ending)

    def _act(self, turn: Turn, *, number: int) -> ModelInferResponse:
        try:
            turn.read()
        except Violation as violation:
            with self._changed:
                self._violations.append(violation.message)
            raise
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
            arrived_s=turn.arrived_s,
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
