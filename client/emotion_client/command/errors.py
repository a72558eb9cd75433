"""What keeps the command from its work.

Refusal     the caller's fault, like `emotion_client.errors.InvalidInput`: exit code 2

What the client raises beside it is drawn in `emotion_client.errors`.
"""

from __future__ import annotations


class Refusal(Exception):
    """The command cannot be done as it was called; the message says why and what to do."""
