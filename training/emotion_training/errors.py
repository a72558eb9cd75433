"""Why training, evaluation or preparation of a checkpoint is refused.

Refusal
├── DataError           the labelled texts, an option, or the place to write to is wrong
├── BaseModelError      the default base is missing or altered
├── PrepareError        the model cannot be made into a served checkpoint
└── ModelError          the model cannot be evaluated

Each message is one sentence for the user: what is wrong, and what to do. None holds a text.
"""

from __future__ import annotations

from emotion_command.errors import Refusal


class DataError(Refusal):
    """The labelled texts, an option, or the place to write to is wrong."""


class BaseModelError(Refusal):
    """The default base model is missing, or is not the expected one."""


class PrepareError(Refusal):
    """The model cannot be made into a served checkpoint."""


class ModelError(Refusal):
    """The model cannot be evaluated."""
