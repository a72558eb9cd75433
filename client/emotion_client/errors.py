"""Everything the client raises, and the one table that translates what gRPC and Triton say.

EmotionError
├── InvalidInput        the caller's fault: sending it again cannot help
└── ServiceError        the service's
    ├── Overloaded          the queue is full, or there is no memory for the request
    ├── DeadlineExceeded    no answer within timeout_s
    ├── Unavailable         nobody listens, or the server is starting, stopping or broken
    ├── WrongServer         no Triton with these models, another protocol, or it refuses us
    ├── RevisionChanged     the served checkpoint changed twice while one text was asked
    └── ServerError         the server failed on this request

Messages never contain the text that was classified.
"""

from __future__ import annotations

import re


class EmotionError(Exception):
    """Base of all errors of this client."""


class InvalidInput(EmotionError):
    """The input can never be classified: no string, not encodable, or too large."""


class ServiceError(EmotionError):
    """The service did not answer; the input may be fine."""


class Overloaded(ServiceError):
    """The queue is full, the request waited in it too long, or memory ran out. Send less."""


class DeadlineExceeded(ServiceError):
    """No answer came within the timeout."""


class Unavailable(ServiceError):
    """Nobody listens at the address, or the server is starting, stopping or broken."""


class WrongServer(ServiceError):
    """The server is no Triton with the emotion models, speaks another protocol, or refuses us."""


class RevisionChanged(ServiceError):
    """The server's checkpoint is another one than the text was tokenized for."""


class ServerError(ServiceError):
    """The server failed on this request, or answered something that makes no sense."""


# What stands before the sentence that matters: of Triton an ensemble's step and a request's id, of
# gRPC the address once more.
_PREFIXES = re.compile(
    r"(in ensemble '[^']*', |\[request id: [^\]]*\] "
    r"|failed to connect to all addresses; last error: |[A-Z]+: ipv[46]:\S+: )*"
)

# The first row whose status and phrase fit decides; None and "" fit everything. A dead server, a
# full queue, a queue timeout and a closed door share one status, so the phrases of Triton 2.51 and
# of gRPC tell them apart.
_TRANSLATIONS: tuple[tuple[str | None, str, type[EmotionError]], ...] = (
    ("DEADLINE_EXCEEDED", "", DeadlineExceeded),
    ("INVALID_ARGUMENT", "revision mismatch", RevisionChanged),
    ("INVALID_ARGUMENT", "", InvalidInput),
    ("UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
    ("UNAVAILABLE", "Request timeout expired", Overloaded),
    ("UNAVAILABLE", "has no memory for", Overloaded),
    ("UNAVAILABLE", "This protocol is restricted", WrongServer),
    ("UNAVAILABLE", "http1.x server", WrongServer),
    ("UNAVAILABLE", "handshake failed", WrongServer),
    ("UNAVAILABLE", "security handshaker", WrongServer),  # keys or certificates that are none
    ("UNAVAILABLE", "", Unavailable),
    ("RESOURCE_EXHAUSTED", "", Overloaded),  # a proxy that limits the rate
    ("CANCELLED", "", Unavailable),  # a stopping Triton cancels the calls in flight
    (None, "is not healthy", Unavailable),
    (None, "has no available versions", Unavailable),
    (None, "is not at ready state", Unavailable),
    (None, "Server is stopping", Unavailable),
    (None, "Stream removed", Unavailable),  # a connection that broke
    (None, "RST_STREAM", Unavailable),
    ("NOT_FOUND", "", WrongServer),
    ("UNIMPLEMENTED", "", WrongServer),
    ("UNAUTHENTICATED", "", WrongServer),
    ("PERMISSION_DENIED", "", WrongServer),
    (None, "", ServerError),
)


def translate(status: str | None, message: str | None, *, url: str) -> EmotionError:
    """Returns the client's error for how a call ended.

    Args:
        status: name of the gRPC status, as "UNAVAILABLE"; tritonclient's "StatusCode.UNAVAILABLE"
            too.
        message: Triton's or gRPC's sentence; its prefixes are left out.
        url: the address that was called, for the message.
    """
    status = (status or "").removeprefix("StatusCode.")
    sentence = _PREFIXES.sub("", message or "", count=1) or "the server gave no reason"
    if status == "CANCELLED":
        sentence = "the call was cancelled, as by a server that stops"
    for row_status, phrase, kind in _TRANSLATIONS:
        if row_status in (None, status) and phrase in sentence:
            return kind(f"{url}: {sentence}")
    raise AssertionError("the last row fits everything")
