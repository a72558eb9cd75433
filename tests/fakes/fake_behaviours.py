"""What `FakeServer` can do with a call instead of answering it: one small class each.

A behaviour acts after the request was checked, so a wrong request is a violation under any of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fake_contract import Refusal
from fake_turn import Turn
from grpc import StatusCode
from relay import Relay
from tritonclient.grpc.service_pb2 import ModelInferResponse


class Behaviour(Protocol):
    """Answers a call, or raises a Refusal."""

    def act(self, turn: Turn) -> ModelInferResponse: ...


@dataclass(frozen=True)
class Honest:
    """The right answer."""

    def act(self, turn: Turn) -> ModelInferResponse:
        return turn.answer()


@dataclass(frozen=True)
class Hang:
    """No answer until the caller gives up or the server stops."""

    def act(self, turn: Turn) -> ModelInferResponse:
        turn.wait()
        raise Refusal(StatusCode.CANCELLED, "not read")


@dataclass(frozen=True)
class Late:
    """The right answer after a delay."""

    delay_s: float

    def act(self, turn: Turn) -> ModelInferResponse:
        turn.wait(self.delay_s)
        return turn.answer()


@dataclass(frozen=True)
class Refuse:
    """An error; `{model}` in the message becomes the name of the model."""

    code: StatusCode
    message: str

    def act(self, turn: Turn) -> ModelInferResponse:
        raise Refusal(self.code, self.message.replace("{model}", turn.model))


@dataclass(frozen=True)
class Answer:
    """The right answer, changed in place."""

    change: Callable[[ModelInferResponse], None]

    def act(self, turn: Turn) -> ModelInferResponse:
        response = turn.answer()
        self.change(response)
        return response


@dataclass(frozen=True)
class Reload:
    """The checkpoint changes before this call is computed; None keeps a value."""

    revision: str
    tokenizer_json: str | None = None

    def act(self, turn: Turn) -> ModelInferResponse:
        turn.server.reload(revision=self.revision, tokenizer_json=self.tokenizer_json)
        return turn.answer()


@dataclass(frozen=True)
class Reset:
    """The connections are reset during the call; the caller must come through `relay`."""

    relay: Relay

    def act(self, turn: Turn) -> ModelInferResponse:
        self.relay.cut()
        turn.wait()
        raise Refusal(StatusCode.CANCELLED, "not read")


@dataclass(frozen=True)
class HalfAnswer:
    """The right answer, but its connection is reset after some bytes.

    Attributes:
        relay: the caller must come through it.
        size_bytes: bytes of the answer that still arrive, with HTTP/2 frames; the whole answer to
            one row with six labels is about 370 bytes.
    """

    relay: Relay
    size_bytes: int

    def act(self, turn: Turn) -> ModelInferResponse:
        self.relay.cut_after(self.size_bytes)
        return turn.answer()


# The words of Triton 2.51.
QUEUE_FULL = Refuse(StatusCode.UNAVAILABLE, "[request id: <id_unknown>] Exceeds maximum queue size")
# The model's process is dead and stays dead, though the server still says that it is ready.
STUB_DEAD = Refuse(StatusCode.INTERNAL, "Stub process '{model}_0_0' is not healthy.")
STOPPING = Refuse(StatusCode.UNAVAILABLE, "Server is stopping")
CANCELLED = Refuse(StatusCode.CANCELLED, "CANCELLED")
NOT_FOUND = Refuse(StatusCode.NOT_FOUND, "Request for unknown model: '{model}' is not found")
# The words of the models.
MODEL_FAILED = Refuse(StatusCode.INTERNAL, "the classifier failed on this request")
MISMATCH = Refuse(
    StatusCode.INVALID_ARGUMENT, "revision mismatch: the request has 'a', the server b"
)
