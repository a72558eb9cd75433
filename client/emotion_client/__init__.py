"""A client for the Triton server: text in, `(label, confidence)` out.

Example:
    >>> from emotion_client import EmotionClient
    >>> with EmotionClient("127.0.0.1:8001") as client:
    ...     label, confidence = client.predict("I danced all night and the stars danced too")
    >>> label
    'joy'
"""

from emotion_client.async_client import AsyncEmotionClient
from emotion_client.channel import TLS
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
from emotion_client.protocol import ServerInfo
from emotion_client.song import Part, SongPrediction

__all__ = [
    "TLS",
    "AsyncEmotionClient",
    "DeadlineExceeded",
    "EmotionClient",
    "EmotionError",
    "InvalidInput",
    "Overloaded",
    "Part",
    "Prediction",
    "RevisionChanged",
    "ServerError",
    "ServerInfo",
    "ServiceError",
    "SongPrediction",
    "Unavailable",
    "WrongServer",
]
