"""What the client takes, and what it refuses before anything is sent."""

from __future__ import annotations

import pytest
from emotion_client.arguments import (
    MAX_TEXT_BYTES,
    check_headers,
    check_on_error,
    check_text,
    check_texts,
    check_timeout,
    check_url,
    check_urls,
)
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


def test_check_text_message_calls_it_as_the_caller_does() -> None:
    with pytest.raises(InvalidInput, match=r"^text 3 has the type NoneType; it must be str$"):
        check_text(None, name="text 3")


@pytest.mark.parametrize("texts", [["la"], ("la",), iter(["la"]), {"la"}, [], {"la": 1}])
def test_check_texts_any_iterable_is_taken(texts: object) -> None:
    check_texts(texts)


@pytest.mark.parametrize("texts", ["la", b"la", None, 3], ids=repr)
def test_check_texts_what_is_no_iterable_of_texts_is_refused(texts: object) -> None:
    kind = type(texts).__name__
    with pytest.raises(InvalidInput, match=f"texts has the type {kind}; it must be an iterable"):
        check_texts(texts)


@pytest.mark.parametrize(("on_error", "expected"), [("raise", False), ("return", True)])
def test_check_on_error_tells_the_two_apart(on_error: str, expected: bool) -> None:
    assert check_on_error(on_error) is expected


@pytest.mark.parametrize("on_error", ["ignore", None, True])
def test_check_on_error_anything_else_is_refused_with_its_value(on_error: object) -> None:
    with pytest.raises(ValueError, match=f"on_error is {on_error!r}; it must be 'raise' or"):
        check_on_error(on_error)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("a:1", ("a:1",)),
        (["a:1", "b:2", "a:1"], ("a:1", "b:2")),
        (("a:1",), ("a:1",)),
    ],
)
def test_check_urls_one_or_several_each_once(url: str | list[str], expected: object) -> None:
    assert check_urls(url) == expected


@pytest.mark.parametrize("url", [[], ["a:1", "b"], ["a:1", None], None, 8001, {"a:1"}])
def test_check_urls_anything_else_is_refused(url: object) -> None:
    with pytest.raises(ValueError, match=r"url is .*; (it must be|give the) host:port"):
        check_urls(url)  # type: ignore[arg-type]


def test_check_headers_names_are_lower_case() -> None:
    assert check_headers({"Authorization": "Bearer x", "x-a.b_c": ""}) == (
        ("authorization", "Bearer x"),
        ("x-a.b_c", ""),
    )
    assert check_headers(None) == ()


@pytest.mark.parametrize("name", ["", "a b", "grpc-timeout", "x-bin", "ключ", "a:b", "a\nb"])
def test_check_headers_name_that_grpc_refuses_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        check_headers({name: "x"})


@pytest.mark.parametrize("value", ["secret\n", "sécret", 7, None], ids=repr)
def test_check_headers_bad_value_is_refused_without_being_shown(value: object) -> None:
    with pytest.raises(ValueError, match="'token' must be printable ASCII") as caught:
        check_headers({"token": value})  # type: ignore[dict-item]
    assert "cret" not in str(caught.value)
