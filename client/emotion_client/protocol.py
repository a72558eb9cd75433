"""What goes over the wire, without any I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tritonclient.grpc import InferInput

from emotion_client.errors import WrongServer
from emotion_client.prediction import Prediction
from emotion_client.tokenizer import Encoding, TextTokenizer

PROTOCOL = 1


@dataclass(frozen=True)
class ServerInfo:
    """What `emotion_info` tells of the served checkpoint.

    Attributes:
        tokenizer: the checkpoint's tokenizer.
        labels: label names in the order of `probabilities`.
        revision: 64 hex digits.
    """

    tokenizer: TextTokenizer
    labels: tuple[str, ...]
    revision: str


def build_inputs(encoding: Encoding) -> list[Any]:
    """Returns the inputs of `emotion` for one text: ids and mask, each (1, num_ids) int64."""
    ids = np.array([encoding.input_ids], dtype=np.int64)
    return [_build_input("input_ids", ids), _build_input("attention_mask", np.ones_like(ids))]


def parse_info(result: Any, *, url: str) -> ServerInfo:
    """Reads the answer of `emotion_info`.

    Raises:
        WrongServer: the server speaks another protocol than this client.
    """
    protocol = int(result.as_numpy("protocol")[0])
    if protocol != PROTOCOL:
        raise WrongServer(f"{url}: the server speaks protocol {protocol}; this client {PROTOCOL}")
    max_length = int(result.as_numpy("max_length")[0])
    tokenizer_json = _read_strings(result, "tokenizer_json")[0]
    return ServerInfo(
        tokenizer=TextTokenizer(tokenizer_json, max_length=max_length),
        labels=tuple(_read_strings(result, "labels")),
        revision=_read_strings(result, "revision")[0],
    )


def parse_prediction(result: Any, *, encoding: Encoding, labels: tuple[str, ...]) -> Prediction:
    """Reads the answer of `emotion` for one text."""
    probabilities = result.as_numpy("probabilities")[0].tolist()
    return Prediction(
        label=_read_strings(result, "label")[0],
        confidence=float(result.as_numpy("confidence")[0, 0]),
        scores=dict(zip(labels, probabilities, strict=True)),
        num_tokens=encoding.num_tokens,
        truncated=encoding.truncated,
        revision=_read_strings(result, "revision")[0],
    )


def _build_input(name: str, array: np.ndarray[Any, np.dtype[np.int64]]) -> Any:
    tensor = InferInput(name, list(array.shape), "INT64")
    tensor.set_data_from_numpy(array)
    return tensor


def _read_strings(result: Any, name: str) -> list[str]:
    return [value.decode() for value in result.as_numpy(name).ravel()]
