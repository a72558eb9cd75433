"""Asks a running Triton for real answers.

Triton's health endpoints still answer 200 after the process of a Python model has died. So this
calls emotion_info, and emotion_text, which needs emotion_tokenizer and emotion.
"""

from __future__ import annotations

import numpy as np
from emotion_client.client import PROBE_TEXT
from emotion_client.errors import translate
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException


def check(server: InferenceServerClient, *, url: str, timeout_s: float) -> None:
    """Asks every model of the deployment for a real answer.

    Args:
        server: a connection to the server.
        url: its "host:port", for messages.
        timeout_s: seconds to wait for each of the two answers.

    Raises:
        EmotionError: one of the models does not answer; the subclass says why.
    """
    text = InferInput("text", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([[PROBE_TEXT.encode()]], dtype=object))
    revision = [InferRequestedOutput("revision")]  # not the tokenizer, which is large
    try:
        server.infer("emotion_info", [], outputs=revision, client_timeout=timeout_s)
        server.infer("emotion_text", [text], client_timeout=timeout_s)
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url=url) from error
