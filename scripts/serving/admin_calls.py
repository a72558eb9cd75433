"""Triton's calls that change the server, and the header that opens them.

Whoever can load models, register shared memory, or write traces and logs to a file owns the server,
and Triton has no accounts. So these calls are always locked behind a header: one that the operator
knows, or a random one that nobody knows. (Triton takes it on its command line, which other users of
the same machine can read.)
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from serving.start_error import StartError

LOCKED_CALLS = ("model-repository", "shared-memory", "trace", "logging")
HEADER = "admin-key"  # over HTTP; in gRPC `triton-grpc-protocol-admin-key`, as Triton wants it
MIN_KEY_LEN = 16
# Triton cuts its option at signs such as ':' and '='.
KEY = re.compile(rf"[A-Za-z0-9_-]{{{MIN_KEY_LEN},}}")


def make_key() -> str:
    """Returns a key that nobody knows."""
    return secrets.token_urlsafe(32)


def read_key(path: Path) -> str:
    """Returns the key that a file holds.

    Raises:
        StartError: the file cannot be read, or holds no key; never says what it holds.
    """
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise StartError(f"--admin-key-file is {path}: {reason}") from error
    if not KEY.fullmatch(key):
        raise StartError(
            f"--admin-key-file is {path}: it must hold at least {MIN_KEY_LEN} letters, digits, "
            "'-' or '_' and nothing else; `openssl rand -hex 32` makes such a key"
        )
    return key


def build_lock_options(key: str) -> list[str]:
    """Returns the options with which Triton locks the calls on both of its ports."""
    lock = f"{','.join(LOCKED_CALLS)}:{HEADER}={key}"
    return [f"--grpc-restricted-protocol={lock}", f"--http-restricted-api={lock}"]
