"""Checks of the caller's arguments, made before anything is sent."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence

from emotion_client.errors import InvalidInput

MAX_TEXT_BYTES = 1 << 20
MAX_TIMEOUT_S = 86400.0
URL = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]+):(\d{1,5})")
# Rules of gRPC metadata: https://grpc.io/docs/guides/metadata
HEADER_NAME = re.compile(r"[0-9a-z_.-]+")
HEADER_VALUE = re.compile(r"[\x20-\x7e]*")


def check_text(text: object, *, name: str = "text") -> None:
    """Checks that a text can be sent.

    Args:
        text: what was passed.
        name: what the error message calls it, such as "text 3".

    Raises:
        InvalidInput: it cannot. The message has the type, code point or size, never the text.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"{name} has type {type(text).__name__}; it must be str")
    try:
        size_bytes, surrogate_at = len(text.encode()), None
    except UnicodeEncodeError as error:  # holds the text, so no error may chain to it
        size_bytes, surrogate_at = 0, error.start
    if surrogate_at is not None:
        raise InvalidInput(
            f"{name} has the lone surrogate U+{ord(text[surrogate_at]):04X} "
            f"at position {surrogate_at}; it must be encodable as UTF-8"
        )
    if size_bytes > MAX_TEXT_BYTES:
        raise InvalidInput(f"{name} has {size_bytes} bytes as UTF-8; limit is {MAX_TEXT_BYTES}")


def check_texts(texts: object) -> None:
    """Checks for an iterable of texts. A string is refused: it would be read as characters.

    Raises:
        InvalidInput: it is something else. The message has the type.
    """
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable | AsyncIterable):
        raise InvalidInput(f"texts has type {type(texts).__name__}; it must be an iterable of str")


def check_on_error(on_error: str) -> bool:
    """Returns whether errors are yielded in place of results instead of raised.

    Raises:
        ValueError: it is neither "raise" nor "return".
    """
    if on_error not in ("raise", "return"):
        raise ValueError(f"on_error is {on_error!r}; it must be 'raise' or 'return'")
    return on_error == "return"


def check_url(url: str) -> str:
    """Returns a valid address.

    Raises:
        ValueError: it is not "host:port".
    """
    match = URL.fullmatch(url) if isinstance(url, str) else None
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError(f"url is {url!r}; it must be host:port, such as 127.0.0.1:8001")
    return url


def check_urls(url: str | Sequence[str]) -> tuple[str, ...]:
    """Returns the addresses of one or several replicas, without duplicates.

    Raises:
        ValueError: one is not "host:port", or the list is empty.
    """
    urls = (url,) if isinstance(url, str) or not isinstance(url, Sequence) else tuple(url)
    if not urls:
        raise ValueError("url is an empty list; give the host:port of at least one server")
    return tuple(dict.fromkeys(check_url(each) for each in urls))


def check_timeout(timeout_s: float) -> float:
    """Returns a valid timeout.

    Raises:
        ValueError: it is not a number of seconds above 0 and at most a day.
    """
    is_number = isinstance(timeout_s, int | float) and math.isfinite(timeout_s)
    if not is_number or not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise ValueError(
            f"timeout is {timeout_s!r}; it must be above 0 and at most {MAX_TIMEOUT_S:.0f} seconds"
        )
    return timeout_s


def check_headers(headers: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Returns headers as gRPC sends them: names in lower case.

    Raises:
        ValueError: gRPC cannot send a name or value. Values may be secret and are not shown.
    """
    pairs = tuple((name.lower(), value) for name, value in (headers or {}).items())
    for name, value in pairs:
        if not HEADER_NAME.fullmatch(name) or name.startswith("grpc-") or name.endswith("-bin"):
            raise ValueError(
                f"the header {name!r} cannot be sent; a name has letters, digits, '-', '_' and "
                "'.', does not begin with grpc- and does not end with -bin"
            )
        if not isinstance(value, str) or not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the value of the header {name!r} must be printable ASCII")
    return pairs
