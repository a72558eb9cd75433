"""What the client accepts, and what it refuses before anything is sent."""

import pytest
from emotion_client.arguments import (
    MAX_TEXT_BYTES,
    check_headers,
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
        pytest.param("любовь 🎶 \U0010ffff", id="any-script"),
        pytest.param("a" * MAX_TEXT_BYTES, id="one-mebibyte"),
        pytest.param("é" * (MAX_TEXT_BYTES // 2), id="one-mebibyte-of-two-byte-characters"),
    ],
)
def test_check_text_takes_any_string(text):
    check_text(text)


BAD_TEXTS = [
    pytest.param(None, "text has type NoneType; it must be str", id="none"),
    pytest.param(b"la", "text has type bytes; it must be str", id="bytes"),
    pytest.param(
        "secret\ud800verse",
        "text has the lone surrogate U+D800 at position 6; it must be encodable as UTF-8",
        id="lone-surrogate",
    ),
    pytest.param(
        "a" * (MAX_TEXT_BYTES + 1), "text has 1048577 bytes as UTF-8; limit is 1048576", id="large"
    ),
    pytest.param(
        "é" * (MAX_TEXT_BYTES // 2 + 1),
        "text has 1048578 bytes as UTF-8; limit is 1048576",
        id="large-only-in-bytes",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), BAD_TEXTS)
def test_check_text_refuses_anything_else_without_quoting_it(text, sentence):
    with pytest.raises(InvalidInput) as caught:
        check_text(text)
    assert str(caught.value) == sentence
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("texts", ["la", b"la", None], ids=repr)
def test_check_texts_refuses_anything_else(texts):
    kind = type(texts).__name__
    with pytest.raises(InvalidInput, match=f"texts has type {kind}; it must be an iterable of str"):
        check_texts(texts)


@pytest.mark.parametrize("url", ["127.0.0.1:8001", "triton:1", "a.b-c.example:65535", "[::1]:8001"])
def test_check_url_takes_host_and_port(url):
    assert check_url(url) == url


BAD_URLS = ["", "host", "host:", ":1", "host:0", "host:65536", "host:x", "::1:8001", "a b:1", None]


@pytest.mark.parametrize("url", BAD_URLS)
def test_check_url_refuses_anything_else_with_its_value(url):
    with pytest.raises(ValueError, match="it must be host:port, such as") as caught:
        check_url(url)
    assert str(caught.value).startswith(f"url is {url!r}; ")


@pytest.mark.parametrize(
    ("url", "expected"), [("a:1", ("a:1",)), (["a:1", "b:2", "a:1"], ("a:1", "b:2"))]
)
def test_check_urls_takes_one_or_several_and_drops_duplicates(url, expected):
    assert check_urls(url) == expected


@pytest.mark.parametrize("url", [[], ["a:1", "b"], None, {"a:1"}], ids=repr)
def test_check_urls_refuses_anything_else(url):
    with pytest.raises(ValueError, match=r"url is .*; (it must be|give the) host:port"):
        check_urls(url)


@pytest.mark.parametrize("timeout_s", [0.001, 1, 86400])
def test_check_timeout_takes_seconds(timeout_s):
    assert check_timeout(timeout_s) == timeout_s


@pytest.mark.parametrize("timeout_s", [0, -1, float("nan"), float("inf"), 86401, None, "5"])
def test_check_timeout_refuses_anything_else_with_its_value(timeout_s):
    with pytest.raises(ValueError, match="it must be above 0 and at most 86400 seconds") as caught:
        check_timeout(timeout_s)
    assert repr(timeout_s) in str(caught.value)


def test_check_headers_names_are_lower_case():
    headers = check_headers({"Authorization": "Bearer x", "x-a.b_c": ""})
    assert headers == (("authorization", "Bearer x"), ("x-a.b_c", ""))
    assert check_headers(None) == ()


@pytest.mark.parametrize("name", ["", "a b", "grpc-timeout", "x-bin", "ключ", "a\nb"])
def test_check_headers_refuses_a_name_that_grpc_refuses(name):
    with pytest.raises(ValueError, match="cannot be sent"):
        check_headers({name: "x"})


@pytest.mark.parametrize("value", ["secret\n", "sécret", 7], ids=repr)
def test_check_headers_refuses_a_bad_value_without_showing_it(value):
    with pytest.raises(ValueError, match="'token' must be printable ASCII") as caught:
        check_headers({"token": value})
    assert "cret" not in str(caught.value)
