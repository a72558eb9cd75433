"""Why texts cannot be scored.

Refusal
├── DataError           of emotion_training: a file cannot be read
├── InputError          there is no such file, or two would get the same name
└── OutputError         the output has something else, or is in use

ScorerError         what scores the texts stopped, or is no longer what it was

A text that cannot be scored is no error here: its row says why. No message holds a text.
"""

from __future__ import annotations

from emotion_command.errors import Refusal


class InputError(Refusal):
    """There is no such file, or two of them would be written to the same place."""


class OutputError(Refusal):
    """The output folder cannot be used."""


class ScorerError(Exception):
    """What scores the texts stopped, or is no longer what it was; a rerun may go on."""
