"""What the deployment's models `emotion` and `emotion_info` accept and answer, for `FakeServer`.

Sentences and status codes are those of Triton 2.51 and of the models, tried on the real server on
2026-11-24: Triton's own checks and its scheduler start with `[request id: …] `, what a model says
itself does not. Where the real one is patient this is not: a call needs a deadline and a revision,
and ids under a 0 of the mask must be in the vocabulary too. No gRPC server lives here.
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
VERSION = "1"
INPUTS = {"emotion": ("input_ids", "attention_mask"), "emotion_info": ()}
OUTPUTS = {
    "emotion": ("label", "confidence", "probabilities", "revision"),
    "emotion_info": (
        "tokenizer_json",
        "labels",
        "max_length",
        "problem_type",
        "revision",
        "protocol",
    ),
}
DATATYPES = {
    np.dtype(np.int32): "INT32",
    np.dtype(np.int64): "INT64",
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
    problem_type: str

    @cached_property
    def vocab_size(self) -> int:
        return Tokenizer.from_str(self.tokenizer_json).get_vocab_size(with_added_tokens=True)


def expected_probabilities(ids: Sequence[int], *, num_labels: int) -> NDArray[np.float32]:
    """Returns what the fake answers to a row: (num_labels,) float32, its sum is 1.

    Args:
        ids: the row without padding; nothing else decides.
        num_labels: how many labels are served.
    """
    content = np.asarray(ids, dtype="<i8").tobytes()
    digest = hashlib.shake_256(content).digest(2 * num_labels)
    logits = np.frombuffer(digest, dtype="<u2") / 2**14  # 0 to 4
    exponents = np.exp(logits - logits.max())
    return (exponents / exponents.sum()).astype(np.float32)


def check_model(request: ModelInferRequest) -> None:
    """Refuses a model that is not here, as Triton does before it looks at anything else."""
    name, version = request.model_name, request.model_version
    if name not in INPUTS:
        raise _unknown(f"'{name}'")
    if version not in ("", VERSION):
        raise _unknown(f"'{name}' version {version}")


def read_request(
    request: ModelInferRequest, *, served: Served, time_remaining_s: float
) -> dict[str, NDArray[Any]]:
    """Checks all that a correct client does right, and returns the inputs.

    Raises:
        Violation: with Triton's or the model's sentence, where they have one.
    """
    model = request.model_name
    if not math.isfinite(time_remaining_s):
        raise Violation(f"a call of {model} has no deadline")
    for output in request.outputs:
        if output.name not in OUTPUTS[model] or output.parameters:
            raise Violation(f"unexpected inference output '{output.name}' for model '{model}'")
    inputs = _decode_inputs(request)
    if model == "emotion":
        _check_rectangle(inputs, max_length=served.max_length, prefix=_prefix(request))
        _check_mask(inputs["attention_mask"])
        _check_ids(inputs["input_ids"], vocab_size=served.vocab_size)
        if request.parameters["revision"].WhichOneof("parameter_choice") != "string_param":
            raise Violation("the request parameter revision is missing, or is no string")
    return inputs


def answer(request: ModelInferRequest, inputs: Inputs, *, served: Served) -> ModelInferResponse:
    """Returns the honest answer to a checked request.

    Raises:
        Refusal: the request was tokenized for another revision.
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


def encode(array: NDArray[Any]) -> bytes:
    """Returns an array as Triton sends it: strings as a little-endian length and their bytes."""
    if array.dtype == object:
        return b"".join(struct.pack("<I", len(value)) + value for value in array.ravel())
    return np.ascontiguousarray(array).tobytes()


def _unknown(what: str) -> Refusal:
    return Refusal(StatusCode.NOT_FOUND, f"Request for unknown model: {what} is not found")


def _prefix(request: ModelInferRequest) -> str:
    return f"[request id: {request.id or '<id_unknown>'}] "


def _decode_inputs(request: ModelInferRequest) -> Inputs:
    model, prefix, expected = request.model_name, _prefix(request), INPUTS[request.model_name]
    names = [tensor.name for tensor in request.inputs]
    if sorted(names) != sorted(expected):
        raise Violation(
            f"{prefix}expected {len(expected)} inputs but got {len(names)} inputs for model "
            f"'{model}'. Got input(s) {names}"
        )
    if len(request.raw_input_contents) != len(names):
        raise Violation(
            f"unable to find data for input tensor '{names[0] if names else ''}' "
            f"for model '{model}' in request."
        )
    inputs = {}
    for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True):
        where = f"input '{tensor.name}' for model '{model}'"
        if tensor.datatype != "INT64":
            raise Violation(
                f"{prefix}inference input '{tensor.name}' data-type is '{tensor.datatype}', "
                f"but model '{model}' expects 'INT64'"
            )
        if len(tensor.shape) != 2 or min(tensor.shape) < 0:
            shape = ",".join(map(str, tensor.shape))
            raise Violation(
                f"{prefix}unexpected shape for {where}. Expected [-1,-1], got [{shape}]"
            )
        size_bytes = 8 * math.prod(tensor.shape)
        if size_bytes != len(raw):
            raise Violation(
                f"{prefix}input byte size mismatch for {where}. "
                f"Expected {size_bytes}, got {len(raw)}"
            )
        inputs[tensor.name] = np.frombuffer(raw, dtype="<i8").reshape(tensor.shape)
    return inputs


def _check_rectangle(inputs: Inputs, *, max_length: int, prefix: str) -> None:
    shape, mask_shape = inputs["input_ids"].shape, inputs["attention_mask"].shape
    if not 1 <= shape[0] <= MAX_ROWS:
        raise Violation(f"{prefix}inference request batch-size must be <= {MAX_ROWS} for 'emotion'")
    if shape != mask_shape:
        raise Violation(
            f"attention_mask has the shape {list(mask_shape)}; it must be that of input_ids, "
            f"{list(shape)}"
        )
    if not 1 <= shape[1] <= max_length:
        raise Violation(
            f"input_ids has {shape[1]} tokens a row, padding included; limit is {max_length}"
        )


def _check_mask(mask: NDArray[np.int64]) -> None:
    for i, row in enumerate(mask.tolist()):
        num_tokens = row.count(1)
        if num_tokens < 1 or row != [1] * num_tokens + [0] * (len(row) - num_tokens):
            raise Violation(f"row {i}: attention_mask is {row}; first all the 1s, then all the 0s")


def _check_ids(ids: NDArray[np.int64], *, vocab_size: int) -> None:
    if ids.min() < 0 or ids.max() >= vocab_size:
        raise Violation(
            f"input_ids has ids from {ids.min()} to {ids.max()}; limit is 0 to {vocab_size - 1}"
        )


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
        "problem_type": _strings(served.problem_type),
        "revision": _strings(served.revision),
        "protocol": np.array([PROTOCOL], dtype=np.int32),
    }


def _strings(*values: str) -> NDArray[Any]:
    return np.array([value.encode() for value in values], dtype=object)


def _respond(request: ModelInferRequest, outputs: Mapping[str, NDArray[Any]]) -> ModelInferResponse:
    # In the model's order, whatever the order in which they were asked for, as Triton does.
    wanted = {output.name for output in request.outputs} or set(outputs)
    response = ModelInferResponse(
        model_name=request.model_name, model_version=VERSION, id=request.id
    )
    for name, array in outputs.items():
        if name in wanted:
            response.outputs.add(name=name, datatype=DATATYPES[array.dtype], shape=array.shape)
            response.raw_output_contents.append(encode(array))
    return response
