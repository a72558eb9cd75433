"""What the engine raises.

EngineError
├── InvalidRequest      the caller's fault: the sentence may be sent to the caller
└── EngineFailure       ours
    ├── CheckpointError     the checkpoint folder is missing, incomplete or of the wrong kind
    ├── SettingsError       a parameter of config.pbtxt is unknown or out of range
    └── RowFailure          a row has no answer
        ├── OutOfMemory         the device has no memory for a forward pass
        ├── ForwardRefused      the model itself cannot compute a batch
        └── NotFinite           the answer is not a number
"""


class EngineError(Exception):
    """Base of all errors of the engine."""


class InvalidRequest(EngineError):
    """A request that can never be answered.

    Attributes:
        reason: one word; for the model `emotion` the label of `emotion_invalid_requests_total`.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class EngineFailure(EngineError):
    """The engine cannot do its work; the request itself may be fine."""


class CheckpointError(EngineFailure):
    """The checkpoint folder cannot be served."""


class SettingsError(EngineFailure):
    """A setting is unknown or out of range."""


class RowFailure(EngineFailure):
    """A row that has no answer; others of its batch may have one.

    Attributes:
        reason: the label of `emotion_failed_requests_total`.
        status: the name of Triton's status for its caller.
    """

    reason, status = "internal", "INTERNAL"


class OutOfMemory(RowFailure):
    """The device has no memory for the forward pass, even for half of the batch."""

    reason, status = "out_of_memory", "UNAVAILABLE"


class ForwardRefused(RowFailure):
    """The model's own code raised an error: for these rows together, or for one alone."""


class NotFinite(RowFailure):
    """The model's answer is NaN: a weight is broken, or a value grew beyond the dtype."""
