"""What the models `emotion` and `emotion_info` accept and answer, for `FakeServer`.

tests/e2e/test_fake_contract.py holds it against the real server. It is stricter: a call needs a
deadline and a revision, and ids under a 0 of the mask must be in the vocabulary too.
"""

from __future__ import annotations

import hashlib
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from emotion_client.protocol import PROTOCOL
from grpc import StatusCode
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

MAX_ROWS = 64
INPUTS = {"emotion": ("input_ids", "attention_mask"), "emotion_info": ()}
DATATYPES = {
    np.dtype(np.int32): "INT32",
    np.dtype(np.float32): "FP32",
    np.dtype(object): "BYTES",
}
Inputs = dict[str, NDArray[np.int64]]


class Refusal(Exception):
    """A call that gets an error instead of an answer."""

    def __init__(self, code: StatusCode, message: str) -> None:
        super().__init__(f"{code.name} {message!r}")
        self.code, self.message = code, message


class Violation(Refusal):
    """What a correct client never sends."""

    def __init__(self, message: str) -> None:
        super().__init__(StatusCode.INVALID_ARGUMENT, message)


@dataclass(frozen=True)
class Served:
    """The checkpoint behind the models."""

    tokenizer_json: str
    labels: tuple[str, ...]
    max_length: int
    revision: str

    @cached_property
    def vocab_size(self) -> int:
        return Tokenizer.from_str(self.tokenizer_json).get_vocab_size(with_added_tokens=True)


def expected_probabilities(ids: Sequence[int], *, num_labels: int) -> NDArray[np.float32]:
    """Returns what the fake answers to a row: (num_labels,) float32, its sum is 1.

    Args:
        ids: the row without padding; nothing else matters.
        num_labels: how many labels are served.
    """
    content = np.asarray(ids, dtype="<i8").tobytes()
    digest = hashlib.shake_256(content).digest(2 * num_labels)
    logits = np.frombuffer(digest, dtype="<u2") / 2**14  # 0 to 4
    exponents = np.exp(logits - logits.max())
    return (exponents / exponents.sum()).astype(np.float32)


def read_request(
    request: ModelInferRequest, *, served: Served, time_remaining_s: float
) -> dict[str, NDArray[Any]]:
    """Checks everything that a correct client does right, and returns the inputs.

    Raises:
        Refusal: the model is unknown, which Triton checks before anything else.
        Violation: something is wrong.
    """
    if request.model_name not in INPUTS:
        message = f"Request for unknown model: '{request.model_name}' is not found"
        raise Refusal(StatusCode.NOT_FOUND, message)
    if not math.isfinite(time_remaining_s):
        raise Violation("the call has no deadline")
    names = [tensor.name for tensor in request.inputs]
    num_contents = len(request.raw_input_contents)
    if sorted(names) != sorted(INPUTS[request.model_name]) or len(names) != num_contents:
        raise Violation(f"the inputs are {names}, with {num_contents} contents")
    inputs = {
        tensor.name: _decode(tensor, raw=raw)
        for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
    }
    if request.model_name == "emotion":
        _check_rows(inputs["input_ids"], mask=inputs["attention_mask"], served=served)
        if request.parameters["revision"].WhichOneof("parameter_choice") != "string_param":
            raise Violation("the parameter revision is missing or not a string")
    return inputs


def answer(request: ModelInferRequest, inputs: Inputs, *, served: Served) -> ModelInferResponse:
    """Returns the honest answer to a checked request.

    Raises:
        Refusal: the request was tokenized for another revision.
        Violation: it asks for an unknown output.
    """
    if request.model_name == "emotion_info":
        return _respond(request, _tell(served))
    asked = request.parameters["revision"].string_param
    if asked != served.revision:
        raise Refusal(
            StatusCode.INVALID_ARGUMENT,
            f"revision mismatch: the request has {asked[:64]!r}, the server {served.revision}; "
            "fetch emotion_info again and tokenize with its tokenizer",
        )
    return _respond(request, _classify(inputs, served=served))


def _decode(tensor: Any, *, raw: bytes) -> NDArray[np.int64]:
    if tensor.datatype != "INT64" or len(tensor.shape) != 2:
        raise Violation(f"{tensor.name} is {tensor.datatype} {list(tensor.shape)}")
    if len(raw) != 8 * math.prod(tensor.shape):
        raise Violation(f"{tensor.name} has {len(raw)} bytes for the shape {list(tensor.shape)}")
    return np.frombuffer(raw, dtype="<i8").reshape(tensor.shape)


def _check_rows(ids: NDArray[np.int64], *, mask: NDArray[np.int64], served: Served) -> None:
    if ids.shape != mask.shape:
        raise Violation(f"input_ids has the shape {ids.shape}, attention_mask {mask.shape}")
    if not (1 <= ids.shape[0] <= MAX_ROWS and 1 <= ids.shape[1] <= served.max_length):
        raise Violation(f"input_ids has the shape {ids.shape}")
    for i, row in enumerate(mask.tolist()):
        num_tokens = row.count(1)
        if num_tokens < 1 or row != [1] * num_tokens + [0] * (len(row) - num_tokens):
            raise Violation(f"row {i}: attention_mask is {row}")
    if ids.min() < 0 or ids.max() >= served.vocab_size:
        raise Violation(f"input_ids has ids from {ids.min()} to {ids.max()}")


def _classify(inputs: Inputs, *, served: Served) -> dict[str, NDArray[Any]]:
    row_lens = inputs["attention_mask"].sum(axis=1)
    rows = [ids[:row_len] for ids, row_len in zip(inputs["input_ids"], row_lens, strict=True)]
    num_labels = len(served.labels)
    probabilities = np.stack([expected_probabilities(row, num_labels=num_labels) for row in rows])
    best = probabilities.argmax(axis=1)
    return {
        "label": _strings(*(served.labels[i] for i in best))[:, None],
        "confidence": probabilities.max(axis=1, keepdims=True),
        "probabilities": probabilities,
        "revision": _strings(*[served.revision] * len(rows))[:, None],
    }


def _tell(served: Served) -> dict[str, NDArray[Any]]:
    return {
        "tokenizer_json": _strings(served.tokenizer_json),
        "labels": _strings(*served.labels),
        "max_length": np.array([served.max_length], dtype=np.int32),
        "problem_type": _strings("single_label_classification"),
        "revision": _strings(served.revision),
        "protocol": np.array([PROTOCOL], dtype=np.int32),
    }


def _strings(*values: str) -> NDArray[Any]:
    return np.array([value.encode() for value in values], dtype=object)


def _respond(request: ModelInferRequest, outputs: Mapping[str, NDArray[Any]]) -> ModelInferResponse:
    wanted = {output.name for output in request.outputs} or set(outputs)
    if not wanted <= set(outputs):
        raise Violation(f"the wanted outputs are {wanted}")
    response = ModelInferResponse(model_name=request.model_name, model_version="1")
    for name, array in outputs.items():  # in the model's order, as Triton does
        if name in wanted:
            response.outputs.add(name=name, datatype=DATATYPES[array.dtype], shape=array.shape)
            response.raw_output_contents.append(_encode(array))
    return response


def _encode(array: NDArray[Any]) -> bytes:
    """Returns an array as Triton sends it: strings as a little-endian length and their bytes."""
    if array.dtype == object:
        return b"".join(struct.pack("<I", len(value)) + value for value in array.ravel())
    return array.tobytes()
