"""The table that translates what gRPC and Triton say."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest
from emotion_client import errors
from emotion_client.errors import (
    DeadlineExceeded,
    EmotionError,
    InvalidInput,
    Overloaded,
    RevisionChanged,
    ServerError,
    Unavailable,
    WrongServer,
    translate,
)

URL = "127.0.0.1:8001"
WORDINGS = [
    pytest.param(
        "DEADLINE_EXCEEDED", "Deadline Exceeded", DeadlineExceeded, id="deadline-of-the-caller"
    ),
    pytest.param(
        "INVALID_ARGUMENT",
        "revision mismatch: the request has aa, the server has bb; fetch emotion_info again",
        RevisionChanged,
        id="revision-mismatch",
    ),
    pytest.param(
        "INVALID_ARGUMENT",
        "row 0: text is not UTF-8 at byte 3; send it as UTF-8",
        InvalidInput,
        id="refused-by-a-model",
    ),
    pytest.param(
        "INVALID_ARGUMENT",
        "inference request batch-size must be <= 64 for 'emotion'",
        InvalidInput,
        id="too-many-rows",
    ),
    pytest.param("UNAVAILABLE", "Exceeds maximum queue size", Overloaded, id="queue-is-full"),
    pytest.param("UNAVAILABLE", "Request timeout expired", Overloaded, id="queue-timeout"),
    pytest.param(
        "UNAVAILABLE",
        "Failed to connect to remote host: Connection refused",
        Unavailable,
        id="nobody-listens",
    ),
    pytest.param(
        "UNAVAILABLE",
        "the device has no memory for 1 rows of 128 tokens",
        Overloaded,
        id="out-of-memory",
    ),
    pytest.param(
        "INTERNAL", "Stub process 'emotion_0_0' is not healthy.", Unavailable, id="dead-stub"
    ),
    pytest.param(
        "NOT_FOUND",
        "Request for unknown model: 'emotion' has no available versions",
        Unavailable,
        id="stopping-or-unloaded",
    ),
    pytest.param(
        "UNAVAILABLE",
        "Request for unknown model: 'emotion' version 1 is not at ready state",
        Unavailable,
        id="not-ready",
    ),
    pytest.param(
        "INTERNAL",
        "Request for unknown model: 'emotion' version 1 is not at ready state",
        Unavailable,
        id="not-ready-under-another-status",
    ),
    pytest.param("UNAVAILABLE", "Server is stopping", Unavailable, id="stopping"),
    pytest.param("INTERNAL", "Server is stopping", Unavailable, id="stopping-under-another-status"),
    pytest.param(
        "NOT_FOUND",
        "Request for unknown model: 'emotion' is not found",
        WrongServer,
        id="triton-without-the-models",
    ),
    pytest.param("UNIMPLEMENTED", "Method not found!", WrongServer, id="no-triton"),
    pytest.param(
        "INTERNAL",
        "the classifier failed on this request; the server's log says why",
        ServerError,
        id="failed-request",
    ),
    pytest.param("UNKNOWN", "Something", ServerError, id="unknown"),
    pytest.param("UNKNOWN", "Stream removed", Unavailable, id="connection-broke"),
    pytest.param(
        "INTERNAL", "Received RST_STREAM with error code 2", Unavailable, id="stream-was-reset"
    ),
    pytest.param("RESOURCE_EXHAUSTED", "slow down", Overloaded, id="proxy-limits-the-rate"),
    pytest.param("UNAUTHENTICATED", "who are you?", WrongServer, id="proxy-wants-credentials"),
    pytest.param("PERMISSION_DENIED", "not you", WrongServer, id="proxy-refuses-us"),
    pytest.param(
        "UNAVAILABLE",
        "This protocol is restricted, expecting header 'triton-grpc-protocol-infer-key'",
        WrongServer,
        id="restricted-protocol",
    ),
    pytest.param(
        "UNAVAILABLE", "Trying to connect an http1.x server", WrongServer, id="http-server"
    ),
    pytest.param(
        "UNAVAILABLE",
        "Ssl handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: WRONG_VERSION_NUMBER",
        WrongServer,
        id="tls-with-a-plain-server",
    ),
]
PREFIXES = (
    "",
    "in ensemble 'emotion_text', ",
    "[request id: <id_unknown>] ",
    "[request id: 7] in ensemble 'emotion_text', ",
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: ",
    "failed to connect to all addresses; last error: UNAVAILABLE: ipv6:%5B::1%5D:9000: ",
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("status", "message", "kind"), WORDINGS)
def test_translate_wording_with_any_prefix_gives_its_class_and_the_sentence_alone(
    prefix: str, status: str, message: str, kind: type[EmotionError]
) -> None:
    error = translate(status, prefix + message, url=URL)
    assert type(error) is kind
    assert str(error) == f"{URL}: {message}"
    assert type(translate(f"StatusCode.{status}", message, url=URL)) is kind


def test_translate_call_cancelled_by_a_stopping_server_says_so() -> None:
    error = translate("CANCELLED", "CANCELLED", url=URL)
    assert type(error) is Unavailable
    assert str(error) == f"{URL}: the call was cancelled, as by a server that stops"


@pytest.mark.parametrize("status", [None, "INTERNAL"])
def test_translate_nothing_known_is_a_server_error(status: str | None) -> None:
    error = translate(status, None, url=URL)
    assert type(error) is ServerError
    assert str(error) == f"{URL}: the server gave no reason"


def test_errors_drawn_tree_is_the_real_one(
    read_drawn_tree: Callable[[ModuleType], dict[str, str]],
) -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    real = {
        kind.__name__: kind.__base__.__name__ for kind in kinds if issubclass(kind, EmotionError)
    }
    assert real.pop("EmotionError") == "Exception"
    assert read_drawn_tree(errors) == real


def test_errors_every_class_can_come_out_of_the_table_or_is_a_base() -> None:
    kinds = {
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, EmotionError)
    }
    translated = {param.values[2] for param in WORDINGS}
    assert {kind.__name__ for kind in kinds - translated} == {"EmotionError", "ServiceError"}
