"""Triton's administrative calls, and the key that unlocks them.

A caller who can load models, register shared memory, or write traces and logs to files controls the
server, and Triton has no accounts. So these calls always need a key in a header: the operator's, or
a random one that is never shown. (Triton gets the key on its command line, which other users of the
machine can read.)
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from emotion_server.errors import StartError

LOCKED_CALLS = ("model-repository", "shared-memory", "trace", "logging")
HEADER = "admin-key"  # HTTP; in gRPC, Triton expects `triton-grpc-protocol-admin-key`
MIN_KEY_LEN = 16
# Triton splits its option at characters such as ':' and '='.
KEY = re.compile(rf"[A-Za-z0-9_-]{{{MIN_KEY_LEN},}}")


def make_key() -> str:
    """Returns a random key."""
    return secrets.token_urlsafe(32)


def read_key(path: Path) -> str:
    """Returns the key in a file.

    Raises:
        StartError: the file cannot be read or has no key; the message never quotes the file.
    """
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise StartError(f"--admin-key-file is {path}: {reason}") from error
    if not KEY.fullmatch(key):
        raise StartError(
            f"--admin-key-file is {path}: it must contain at least {MIN_KEY_LEN} letters, digits, "
            "'-' or '_' and nothing else; `openssl rand -hex 32` makes such a key"
        )
    return key


def build_lock_options(key: str) -> list[str]:
    """Returns the options that lock the calls on Triton's HTTP and gRPC ports."""
    lock = f"{','.join(LOCKED_CALLS)}:{HEADER}={key}"
    return [f"--grpc-restricted-protocol={lock}", f"--http-restricted-api={lock}"]
