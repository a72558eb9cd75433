"""The one error of everything that starts a server."""


class StartError(Exception):
    """Triton cannot start; the message is one sentence that says why and what to do."""
