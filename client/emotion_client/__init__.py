"""A thin client of the Triton deployment: text in, `(label, confidence)` out.

Example:
    >>> from emotion_client import EmotionClient
    >>> with EmotionClient("127.0.0.1:8001") as client:  # doctest: +SKIP
    ...     label, confidence = client.predict("I danced all night and the stars danced too")
"""

from emotion_client.client import EmotionClient
from emotion_client.errors import (
    DeadlineExceeded,
    EmotionError,
    InvalidInput,
    Overloaded,
    RevisionChanged,
    ServerError,
    ServiceError,
    Unavailable,
    WrongServer,
)
from emotion_client.prediction import Prediction

__all__ = [
    "DeadlineExceeded",
    "EmotionClient",
    "EmotionError",
    "InvalidInput",
    "Overloaded",
    "Prediction",
    "RevisionChanged",
    "ServerError",
    "ServiceError",
    "Unavailable",
    "WrongServer",
]
