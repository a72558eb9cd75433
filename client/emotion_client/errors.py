"""All errors of the client, and the one table that translates those of gRPC and Triton.

EmotionError
├── InvalidInput        the caller's fault: a retry cannot help
└── ServiceError        the service's fault
    ├── Overloaded          the wait would be too long, or there is no memory for the request
    ├── DeadlineExceeded    no answer within timeout_s
    ├── Unavailable         not reachable, or the server is starting, stopping or broken
    ├── WrongServer         not a Triton with these models, another protocol, or access denied
    ├── RevisionChanged     the server refuses the checkpoint that it says it serves
    └── ServerError         the server failed on this request

Messages never contain the classified text.
"""

from __future__ import annotations

import re


class EmotionError(Exception):
    """Base class of all errors of this client."""


class InvalidInput(EmotionError):
    """The input can never be classified: not a string, not encodable, or too large."""


class ServiceError(EmotionError):
    """The service did not answer; the input may be fine."""


class Overloaded(ServiceError):
    """The answer would come too late, or there is no memory for the request. Send less."""


class DeadlineExceeded(ServiceError):
    """There was no answer within the timeout."""


class Unavailable(ServiceError):
    """The address is not reachable, or the server is starting, stopping or broken."""


class WrongServer(ServiceError):
    """Not a Triton with the emotion models, another protocol, or access denied."""


class RevisionChanged(ServiceError):
    """The text was tokenized for a checkpoint that the server no longer serves."""


class ServerError(ServiceError):
    """The server failed on this request, or its answer is invalid."""


# What comes before the actual message: Triton adds the ensemble step and the request id, gRPC
# repeats the address.
_PREFIXES = re.compile(
    r"(in ensemble '[^']*', |\[request id: [^\]]*\] "
    r"|failed to connect to all addresses; last error: |[A-Z]+: ipv[46]:\S+: )*"
)

# The first row whose status and phrase match decides; None and "" match everything. A dead server,
# a limit of the queue and denied access share one status, so the phrases of Triton 2.51 and gRPC
# tell them apart.
_TRANSLATIONS: tuple[tuple[str | None, str, type[EmotionError]], ...] = (
    ("DEADLINE_EXCEEDED", "", DeadlineExceeded),
    ("INVALID_ARGUMENT", "revision mismatch", RevisionChanged),
    ("INVALID_ARGUMENT", "", InvalidInput),
    ("UNAVAILABLE", "is overloaded", Overloaded),
    ("UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
    ("UNAVAILABLE", "Request timeout expired", Overloaded),
    ("UNAVAILABLE", "has no memory for", Overloaded),
    ("UNAVAILABLE", "This protocol is restricted", WrongServer),
    ("UNAVAILABLE", "http1.x server", WrongServer),
    ("UNAVAILABLE", "handshake failed", WrongServer),
    ("UNAVAILABLE", "security handshaker", WrongServer),  # invalid keys or certificates
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
    """Returns the client's error for a failed call.

    Args:
        status: name of the gRPC status, such as "UNAVAILABLE" or tritonclient's
            "StatusCode.UNAVAILABLE".
        message: of Triton or gRPC; its prefixes are left out, as are line breaks and control bytes.
        url: the address that was called, for the message.
    """
    status = (status or "").removeprefix("StatusCode.")
    line = " ".join("".join(c if c.isprintable() else " " for c in message or "").split())
    sentence = _PREFIXES.sub("", line, count=1) or "the server gave no reason"
    if status == "CANCELLED":
        sentence = "the call was cancelled; the server may be stopping"
    for row_status, phrase, kind in _TRANSLATIONS:
        if row_status in (None, status) and phrase in sentence:
            return kind(f"{url}: {sentence}")
    raise AssertionError("the last row matches everything")
