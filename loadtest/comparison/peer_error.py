"""The one error of a server that is compared."""


class PeerError(Exception):
    """It cannot be installed, started or asked; the message is one line that says why."""
