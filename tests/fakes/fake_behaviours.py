"""What `FakeServer` may do with a call instead of answering it: one small class each.

A behaviour acts after the request was checked, so a broken request is a violation under any of
them. What can be spoilt in an answer lives in answer_changes.py.
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
    """Something that answers a call, or raises a Refusal."""

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
        raise Refusal(StatusCode.CANCELLED, "nobody reads this")


@dataclass(frozen=True)
class Late:
    """The right answer, late; what is right is decided when it is sent."""

    delay_s: float

    def act(self, turn: Turn) -> ModelInferResponse:
        turn.wait(self.delay_s)
        return turn.answer()


@dataclass(frozen=True)
class Refuse:
    """An error; `{model}` in the message stands for the model that is called."""

    code: StatusCode
    message: str

    def act(self, turn: Turn) -> ModelInferResponse:
        raise Refusal(self.code, self.message.replace("{model}", turn.model))


@dataclass(frozen=True)
class Answer:
    """The right answer, changed.

    Attributes:
        change: is given the honest answer and changes it in place.
    """

    change: Callable[[ModelInferResponse], None]

    def act(self, turn: Turn) -> ModelInferResponse:
        response = turn.answer()
        self.change(response)
        return response


@dataclass(frozen=True)
class Reload:
    """The checkpoint changes before this call is computed; what is None stays."""

    revision: str | None = None
    tokenizer_json: str | None = None

    def act(self, turn: Turn) -> ModelInferResponse:
        turn.server.reload(revision=self.revision, tokenizer_json=self.tokenizer_json)
        return turn.answer()


@dataclass(frozen=True)
class Reset:
    """The connections are reset while the call is inside; the caller must come through `relay`."""

    relay: Relay

    def act(self, turn: Turn) -> ModelInferResponse:
        self.relay.cut()
        turn.wait()
        raise Refusal(StatusCode.CANCELLED, "nobody reads this")


@dataclass(frozen=True)
class HalfAnswer:
    """The right answer, whose connection is reset after so many bytes.

    Attributes:
        relay: through which the caller must come.
        size_bytes: bytes of the answer that still arrive, HTTP/2 frames included; the whole
            answer to one row with six labels is some 370 bytes.
    """

    relay: Relay
    size_bytes: int

    def act(self, turn: Turn) -> ModelInferResponse:
        self.relay.half_close_after(self.size_bytes)
        return turn.answer()


# What Triton 2.51 says, word for word.
_ID = "[request id: <id_unknown>] "
QUEUE_FULL = Refuse(StatusCode.UNAVAILABLE, f"{_ID}Exceeds maximum queue size")
QUEUE_TIMEOUT = Refuse(StatusCode.UNAVAILABLE, "Request timeout expired")
# The model's process is dead and stays so, though the server still says that it is ready.
STUB_DEAD = Refuse(StatusCode.INTERNAL, "Stub process '{model}_0_0' is not healthy.")
# After SIGTERM: at first, then to requests without a version and to those with one.
STOPPING = Refuse(
    StatusCode.UNAVAILABLE,
    f"{_ID}Server is stopping, scheduler for model has stopped accepting new inference requests",
)
NO_VERSIONS = Refuse(
    StatusCode.NOT_FOUND, "Request for unknown model: '{model}' has no available versions"
)
NOT_READY = Refuse(
    StatusCode.UNAVAILABLE, "Request for unknown model: '{model}' version 1 is not at ready state"
)
# To a request that waited when the exit timeout ended; the sentence is freed memory.
MUMBLING = Refuse(StatusCode.UNAVAILABLE, "\x01À\x89ù\x07")
CANCELLED = Refuse(StatusCode.CANCELLED, "CANCELLED")
# A Triton, but without this model.
NOT_FOUND = Refuse(StatusCode.NOT_FOUND, "Request for unknown model: '{model}' is not found")
# What model.py itself says.
MODEL_FAILED = Refuse(
    StatusCode.INTERNAL, "the classifier failed on this request; the server's log says why"
)
OUT_OF_MEMORY = Refuse(
    StatusCode.UNAVAILABLE, "the device has no memory for 64 rows of 8192 tokens"
)
