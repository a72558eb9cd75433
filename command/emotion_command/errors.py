"""The base of errors that end a command with exit code 2.

Packages derive their own from it: StartError, DataError and others.
"""

from __future__ import annotations


class Refusal(Exception):
    """The work cannot be done as requested; the message says why and what to do."""
