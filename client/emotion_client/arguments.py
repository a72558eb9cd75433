"""What a caller may pass, checked before anything is sent."""

from __future__ import annotations

import math
import re

from emotion_client.errors import InvalidInput

MAX_TEXT_BYTES = 1 << 20
MAX_TIMEOUT_S = 86400.0
URL = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:/\s\[\]]+):(\d{1,5})")


def check_text(text: object) -> None:
    """Refuses what cannot be a text.

    Raises:
        InvalidInput: naming the type, the code point or the size, never the text.
    """
    if not isinstance(text, str):
        raise InvalidInput(f"text has the type {type(text).__name__}; it must be str")
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInput(
            f"text has the lone surrogate U+{ord(text[error.start]):04X} "
            f"at position {error.start}; it must be encodable as UTF-8"
        ) from None
    if size_bytes > MAX_TEXT_BYTES:
        raise InvalidInput(f"text has {size_bytes} bytes as UTF-8; limit is {MAX_TEXT_BYTES}")


def check_url(url: str) -> str:
    """Returns the address where it is one.

    Raises:
        ValueError: it is not "host:port".
    """
    match = URL.fullmatch(url) if isinstance(url, str) else None
    if match is None or not 0 < int(match[2]) < 65536:
        raise ValueError(f"url is {url!r}; it must be host:port, such as 127.0.0.1:8001")
    return url


def check_timeout(timeout_s: float) -> float:
    """Returns the timeout where a call can have it.

    Raises:
        ValueError: it is not a number of seconds above 0 and up to a day.
    """
    is_number = isinstance(timeout_s, int | float) and math.isfinite(timeout_s)
    if not is_number or not 0 < timeout_s <= MAX_TIMEOUT_S:
        raise ValueError(
            f"timeout is {timeout_s!r}; it must be above 0 and at most {MAX_TIMEOUT_S:.0f} seconds"
        )
    return timeout_s
