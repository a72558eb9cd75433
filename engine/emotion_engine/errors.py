"""What the engine raises.

EngineError
├── InvalidRequest      the caller's fault: the sentence may be sent to the caller
└── EngineFailure       ours
    ├── CheckpointError     the checkpoint folder is missing, incomplete or of the wrong kind
    ├── SettingsError       a parameter of config.pbtxt is unknown or out of range
    └── OutOfMemory         the device has no memory for a forward pass
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


class OutOfMemory(EngineFailure):
    """The device has no memory for the forward pass, even for half of the batch."""
