"""What the client takes, and what it refuses before anything is sent."""

from __future__ import annotations

import pytest
from emotion_client.arguments import MAX_TEXT_BYTES, check_text, check_timeout, check_url
from emotion_client.errors import InvalidInput


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("\0", id="nul"),
        pytest.param("любовь 🎶", id="any-script"),
        pytest.param("a" * MAX_TEXT_BYTES, id="one-mebibyte"),
        pytest.param("é" * (MAX_TEXT_BYTES // 2), id="one-mebibyte-of-two-byte-characters"),
        pytest.param("\U0010ffff", id="last-code-point"),
    ],
)
def test_check_text_any_string_is_taken(text: str) -> None:
    check_text(text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(None, "text has the type NoneType; it must be str", id="none"),
        pytest.param(b"la", "text has the type bytes; it must be str", id="bytes"),
        pytest.param(["la"], "text has the type list; it must be str", id="list"),
        pytest.param(3.5, "text has the type float; it must be str", id="number"),
        pytest.param(
            "secret\ud800verse",
            "text has the lone surrogate U+D800 at position 6; it must be encodable as UTF-8",
            id="lone-surrogate",
        ),
        pytest.param(
            "a" * (MAX_TEXT_BYTES + 1),
            "text has 1048577 bytes as UTF-8; limit is 1048576",
            id="one-byte-too-large",
        ),
        pytest.param(
            "é" * (MAX_TEXT_BYTES // 2 + 1),
            "text has 1048578 bytes as UTF-8; limit is 1048576",
            id="too-large-in-bytes-alone",
        ),
    ],
)
def test_check_text_what_is_no_text_is_refused_without_quoting_it(
    text: object, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_text(text)
    assert str(caught.value) == sentence
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "triton:1", "a.b-c.example:65535", "[::1]:8001"])
def test_check_url_host_and_port_is_taken(url: str) -> None:
    assert check_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host",
        "host:",
        ":8001",
        "host:0",
        "host:65536",
        "host:x",
        "::1:8001",
        "a b:1",
        None,
        8001,
    ],
)
def test_check_url_anything_else_is_refused_with_its_value(url: object) -> None:
    with pytest.raises(ValueError, match=r"url is .*; it must be host:port") as caught:
        check_url(url)  # type: ignore[arg-type]
    assert repr(url) in str(caught.value)


@pytest.mark.parametrize("timeout_s", [0.001, 1, 86400])
def test_check_timeout_seconds_are_taken(timeout_s: float) -> None:
    assert check_timeout(timeout_s) == timeout_s


@pytest.mark.parametrize(
    "timeout_s", [0, -1, float("nan"), float("inf"), 86401, 1e12, None, "5"], ids=repr
)
def test_check_timeout_anything_else_is_refused_with_its_value(timeout_s: object) -> None:
    with pytest.raises(ValueError, match="it must be above 0 and at most 86400 seconds") as caught:
        check_timeout(timeout_s)  # type: ignore[arg-type]
    assert repr(timeout_s) in str(caught.value)
