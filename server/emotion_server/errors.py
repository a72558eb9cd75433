"""The error of everything that starts a server."""

from emotion_command.errors import Refusal


class StartError(Refusal):
    """Triton cannot start; the message is one sentence that says why and what to do."""
