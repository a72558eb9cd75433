"""Everything the client raises, and the one table that translates what gRPC and Triton say.

EmotionError
├── InvalidInput        the caller's fault: sending it again cannot help
└── ServiceError        the service's
    ├── Overloaded          the queue is full, or the request waited in it too long
    ├── DeadlineExceeded    no answer within timeout_s
    ├── Unavailable         nobody listens, or the server is starting, stopping or broken
    ├── WrongServer         it is no Triton with these models, or another protocol
    ├── RevisionChanged     the served checkpoint changed twice while one text was asked
    └── ServerError         the server failed on this request

Messages never contain the text that was classified.
"""

from __future__ import annotations

from tritonclient.utils import InferenceServerException


class EmotionError(Exception):
    """Base of all errors of this client."""


class InvalidInput(EmotionError):
    """The input can never be classified: no string, not encodable, or too large."""


class ServiceError(EmotionError):
    """The service did not answer; the input may be fine."""


class Overloaded(ServiceError):
    """The server's queue is full, or the request waited in it too long."""


class DeadlineExceeded(ServiceError):
    """No answer came within the timeout."""


class Unavailable(ServiceError):
    """Nobody listens at the address, or the server is starting, stopping or broken."""


class WrongServer(ServiceError):
    """The server is no Triton with the emotion models, or speaks another protocol."""


class RevisionChanged(ServiceError):
    """The server's checkpoint is another one than the text was tokenized for."""


class ServerError(ServiceError):
    """The server failed on this request."""


# The first row whose status and phrase fit decides; None and "" fit everything. A dead server, a
# full queue and a queue timeout share one status, so the phrases of Triton 2.51 tell them apart.
_TRANSLATIONS: tuple[tuple[str | None, str, type[EmotionError]], ...] = (
    ("StatusCode.DEADLINE_EXCEEDED", "", DeadlineExceeded),
    ("StatusCode.INVALID_ARGUMENT", "revision mismatch", RevisionChanged),
    ("StatusCode.INVALID_ARGUMENT", "", InvalidInput),
    ("StatusCode.UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
    ("StatusCode.UNAVAILABLE", "Request timeout expired", Overloaded),
    ("StatusCode.UNAVAILABLE", "", Unavailable),
    ("StatusCode.CANCELLED", "", Unavailable),  # a stopping Triton cancels the calls in flight
    (None, "is not healthy", Unavailable),
    (None, "has no available versions", Unavailable),
    (None, "is not at ready state", Unavailable),
    (None, "Server is stopping", Unavailable),
    ("StatusCode.NOT_FOUND", "", WrongServer),
    ("StatusCode.UNIMPLEMENTED", "", WrongServer),
    (None, "", ServerError),
)


def translate(error: InferenceServerException, *, url: str) -> EmotionError:
    """Returns the client's error for what tritonclient raised.

    Args:
        error: raised by a gRPC call; its message is Triton's sentence.
        url: "host:port" that was called, for the message.
    """
    status, message = error.status(), error.message() or ""
    if status == "StatusCode.CANCELLED":
        message = "the call was cancelled, as by a server that stops"
    for row_status, phrase, kind in _TRANSLATIONS:
        if row_status in (None, status) and phrase in message:
            return kind(f"{url}: {message}")
    raise AssertionError("the last row fits everything")
