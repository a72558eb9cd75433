"""The table that translates what gRPC and Triton say."""

import pytest
from emotion_client import errors
from emotion_client.errors import (
    DeadlineExceeded,
    EmotionError,
    InvalidInput,
    Overloaded,
    RevisionChanged,
    ServerError,
    ServiceError,
    Unavailable,
    WrongServer,
    translate,
)

URL = "127.0.0.1:8001"
NOT_READY = "Request for unknown model: 'emotion' version 1 is not at ready state"
WORDINGS = [
    ("DEADLINE_EXCEEDED", "Deadline Exceeded", DeadlineExceeded),
    ("INVALID_ARGUMENT", "revision mismatch: the request has aa, the server bb", RevisionChanged),
    ("INVALID_ARGUMENT", "row 0: text is not UTF-8 at byte 3; send it as UTF-8", InvalidInput),
    ("INVALID_ARGUMENT", "inference request batch-size must be <= 64 for 'emotion'", InvalidInput),
    ("UNAVAILABLE", "Exceeds maximum queue size", Overloaded),
    ("UNAVAILABLE", "Request timeout expired", Overloaded),
    ("UNAVAILABLE", "Failed to connect to remote host: Connection refused", Unavailable),
    ("UNAVAILABLE", "the device has no memory for 1 rows of 128 tokens", Overloaded),
    ("INTERNAL", "Stub process 'emotion_0_0' is not healthy.", Unavailable),
    ("NOT_FOUND", "Request for unknown model: 'emotion' has no available versions", Unavailable),
    ("UNAVAILABLE", NOT_READY, Unavailable),
    ("INTERNAL", NOT_READY, Unavailable),
    ("UNAVAILABLE", "Server is stopping", Unavailable),
    ("INTERNAL", "Server is stopping", Unavailable),
    ("NOT_FOUND", "Request for unknown model: 'emotion' is not found", WrongServer),
    ("UNIMPLEMENTED", "Method not found!", WrongServer),
    ("INTERNAL", "the classifier failed on this request; the server's log says why", ServerError),
    ("UNKNOWN", "Something", ServerError),
    ("UNKNOWN", "Stream removed", Unavailable),
    ("INTERNAL", "Received RST_STREAM with error code 2", Unavailable),
    ("RESOURCE_EXHAUSTED", "slow down", Overloaded),
    ("UNAUTHENTICATED", "who are you?", WrongServer),
    ("PERMISSION_DENIED", "not you", WrongServer),
    ("UNAVAILABLE", "This protocol is restricted, expecting header 'infer-key'", WrongServer),
    ("UNAVAILABLE", "Trying to connect an http1.x server", WrongServer),
    ("UNAVAILABLE", "Ssl handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL", WrongServer),
    ("UNAVAILABLE", "Failed to create security handshaker", WrongServer),
]
PREFIXES = (
    "in ensemble 'emotion_text', ",
    "[request id: <id_unknown>] ",
    "[request id: 7] in ensemble 'emotion_text', ",
    "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: ",
    "failed to connect to all addresses; last error: UNAVAILABLE: ipv6:%5B::1%5D:9000: ",
)


@pytest.mark.parametrize(("status", "message", "kind"), WORDINGS)
def test_translate_wording_gives_its_class_and_the_sentence(status, message, kind):
    for each in (status, f"StatusCode.{status}"):
        error = translate(each, message, url=URL)
        assert type(error) is kind
        assert str(error) == f"{URL}: {message}"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_translate_prefix_is_left_out(prefix):
    error = translate("UNAVAILABLE", f"{prefix}Exceeds maximum queue size", url=URL)
    assert type(error) is Overloaded
    assert str(error) == f"{URL}: Exceeds maximum queue size"


def test_translate_control_bytes_and_line_breaks_are_left_out():
    error = translate("INTERNAL", "Too many\x00\x1b[31m open\n\n  files\u202e", url=URL)
    assert str(error) == f"{URL}: Too many [31m open files"


def test_translate_call_cancelled_by_a_stopping_server_says_so():
    error = translate("CANCELLED", "CANCELLED", url=URL)
    assert type(error) is Unavailable
    assert str(error) == f"{URL}: the call was cancelled; the server may be stopping"


@pytest.mark.parametrize("status", [None, "INTERNAL"])
def test_translate_nothing_known_is_a_server_error(status):
    error = translate(status, None, url=URL)
    assert type(error) is ServerError
    assert str(error) == f"{URL}: the server gave no reason"


def test_errors_are_those_of_the_drawn_tree_and_all_but_the_bases_are_in_the_table(
    read_drawn_tree,
):
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type)}
    real = {kind.__name__: kind.__base__.__name__ for kind in kinds}
    assert real.pop("EmotionError") == "Exception"
    assert read_drawn_tree(errors) == real
    translated = {kind for *_, kind in WORDINGS}
    assert kinds - translated == {EmotionError, ServiceError}
