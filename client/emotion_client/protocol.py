"""Requests and responses of the KServe v2 protocol, without any I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from struct import unpack
from typing import Any

import numpy as np
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

from emotion_client.errors import ServerError, WrongServer
from emotion_client.prediction import Prediction
from emotion_client.tokenizer import Encoding, TextTokenizer

PROTOCOL = 1
MAX_ROWS = 64
# Up to as many numbers, `struct` is as fast as numpy or faster: in a process whose caches are cold
# after a forward pass on the same cores, a lone text took 0.1 ms less. For 384 numbers numpy takes
# half of the time, for 64,000 a quarter (2026-11).
MAX_UNPACKED = 64
MIN_LENGTH = 3  # a special token at either end and one token between them


@dataclass(frozen=True)
class ServerInfo:
    """What `emotion_info` says about the served checkpoint.

    Attributes:
        labels: label names in the order of `probabilities`.
        max_length: tokens of a text that the model reads, including special tokens.
        problem_type: "single_label_classification", in which the scores of a text sum to 1, or
            "multi_label_classification".
        revision: of the checkpoint, 64 hex digits.
        tokenizer: the checkpoint's tokenizer.
    """

    labels: tuple[str, ...]
    max_length: int
    problem_type: str
    revision: str
    tokenizer: TextTokenizer = field(repr=False, compare=False)


def build_info_request(*names: str) -> Any:
    """Returns a request to `emotion_info` for the named outputs, or for all of them."""
    outputs = [ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names]
    return ModelInferRequest(model_name="emotion_info", outputs=outputs)


def build_request(encodings: Sequence[Encoding], *, revision: str) -> Any:
    """Returns a request to `emotion`.

    Args:
        encodings: 1 to 64 texts, one per row.
        revision: of the checkpoint that they are tokenized for.

    Returns:
        Ids and mask, each (num_texts, longest) int64, padded with zeros on the right.
    """
    num_ids = [len(encoding.input_ids) for encoding in encodings]
    ids = np.zeros((len(encodings), max(num_ids)), dtype="<i8")
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : num_ids[row]] = encoding.input_ids
        mask[row, : num_ids[row]] = 1
    request = ModelInferRequest(model_name="emotion")
    request.parameters["revision"].string_param = revision
    for name, array in (("input_ids", ids), ("attention_mask", mask)):
        request.inputs.add(name=name, datatype="INT64", shape=array.shape)
        request.raw_input_contents.append(array.tobytes())
    return request


def read_revision(response: Any, *, url: str) -> str:
    """Checks the protocol in an answer of `emotion_info` and returns the revision.

    Raises:
        WrongServer: the server speaks another protocol, or its answer is invalid.
    """
    try:
        protocol = _Outputs(response).integer("protocol")
        (revision,) = _Outputs(response).strings("revision", shape=(1,))
    except _BadOutput as error:
        raise WrongServer(f"{url}: the answer of emotion_info {error}") from error
    if protocol != PROTOCOL:
        raise WrongServer(f"{url}: it speaks protocol {protocol}, this client protocol {PROTOCOL}")
    return revision


def parse_info(response: Any, *, url: str) -> ServerInfo:
    """Reads the whole answer of `emotion_info`.

    Raises:
        WrongServer: the server speaks another protocol, or its answer is invalid.
    """
    revision = read_revision(response, url=url)
    outputs = _Outputs(response)
    try:
        max_length = outputs.integer("max_length")
        (tokenizer_json,) = outputs.strings("tokenizer_json", shape=(1,))
        (problem_type,) = outputs.strings("problem_type", shape=(1,))
        labels = tuple(outputs.strings("labels", shape=(-1,)))
    except _BadOutput as error:
        raise WrongServer(f"{url}: the answer of emotion_info {error}") from error
    if max_length < MIN_LENGTH:
        raise WrongServer(f"{url}: its max_length is {max_length}; it must be {MIN_LENGTH} or more")
    try:
        tokenizer = TextTokenizer(tokenizer_json, max_length=max_length)
    except Exception as error:  # tokenizers raises nothing narrower
        raise WrongServer(
            f"{url}: tokenizers cannot read its tokenizer; install a newer version of tokenizers"
        ) from error
    return ServerInfo(labels, max_length, problem_type, revision, tokenizer)


def parse_predictions(
    response: Any, *, encodings: Sequence[Encoding], info: ServerInfo, url: str
) -> list[Prediction]:
    """Reads the answer of `emotion`: one prediction per text that was sent.

    Raises:
        ServerError: the answer does not match the request.
    """
    outputs, num_rows = _Outputs(response), len(encodings)
    try:
        num_labels = len(info.labels)
        probabilities = outputs.probabilities("probabilities", shape=(num_rows, num_labels))
        confidences = outputs.probabilities("confidence", shape=(num_rows, 1))
        labels = outputs.strings("label", shape=(num_rows, 1))
        revisions = outputs.strings("revision", shape=(num_rows, 1))
        if set(revisions) != {info.revision}:
            raise _BadOutput(f"is from a checkpoint other than {info.revision}")
        if not set(labels) <= set(info.labels):
            raise _BadOutput("has a label that emotion_info does not list")
    except _BadOutput as error:
        raise ServerError(f"{url}: the answer {error}") from error
    return [
        Prediction(
            label=label,
            confidence=confidence,
            scores=dict(zip(info.labels, scores, strict=True)),
            num_tokens=encoding.num_tokens,
            truncated=encoding.truncated,
            revision=revision,
        )
        for label, confidence, scores, encoding, revision in zip(
            labels,
            confidences,
            (probabilities[i : i + num_labels] for i in range(0, len(probabilities), num_labels)),
            encodings,
            revisions,
            strict=True,
        )
    ]


def read_floats(raw: bytes) -> tuple[Sequence[float], bool]:
    """Reads the contents of an FP32 output.

    Returns:
        The values, and whether each is from 0 to 1.
    """
    num_values = len(raw) // 4
    if num_values <= MAX_UNPACKED:
        few = unpack(f"<{num_values}f", raw)
        return few, all(0 <= each <= 1 for each in few)
    many = np.frombuffer(raw, dtype="<f4")
    return many.tolist(), bool(((many >= 0) & (many <= 1)).all())


class _BadOutput(Exception):
    """An output is invalid; the message completes "the answer ..."."""


class _Outputs:
    """The output tensors of an answer, each checked when it is read; -1 matches any size."""

    def __init__(self, response: ModelInferResponse) -> None:
        self._response = response
        self._indexes = {output.name: i for i, output in enumerate(response.outputs)}

    def integer(self, name: str) -> int:
        """Returns the value of an INT32 output that has one."""
        raw = self._find_numbers(name, datatype="INT32", shape=(1,))
        return int.from_bytes(raw, "little", signed=True)

    def probabilities(self, name: str, *, shape: tuple[int, ...]) -> Sequence[float]:
        """Returns the values of an FP32 output, each from 0 to 1, row after row."""
        values, are_right = read_floats(self._find_numbers(name, datatype="FP32", shape=shape))
        if not are_right:
            raise _BadOutput("has probabilities outside 0 to 1")
        return values

    def strings(self, name: str, *, shape: tuple[int, ...]) -> list[str]:
        """Returns the values of a BYTES output: on the wire, a length comes before each."""
        raw, found = self._find(name, datatype="BYTES", shape=shape)
        values, start = [], 0
        while start < len(raw):
            end = start + 4 + int.from_bytes(raw[start : start + 4], "little")
            values.append(raw[start + 4 : end])
            start = end
        if start != len(raw) or len(values) != prod(found):
            raise _BadOutput(f"has bytes of {name} that do not fit the shape {list(found)}")
        try:
            return [value.decode() for value in values]
        except UnicodeDecodeError as error:
            raise _BadOutput(f"has a {name} that is not UTF-8") from error

    def _find_numbers(self, name: str, *, datatype: str, shape: tuple[int, ...]) -> bytes:
        raw, found = self._find(name, datatype=datatype, shape=shape)
        if len(raw) != 4 * prod(found):
            raise _BadOutput(f"has {len(raw)} bytes of {name} for the shape {list(found)}")
        return raw

    def _find(
        self, name: str, *, datatype: str, shape: tuple[int, ...]
    ) -> tuple[bytes, tuple[int, ...]]:
        index = self._indexes.get(name)
        if index is None or index >= len(self._response.raw_output_contents):
            raise _BadOutput(f"lacks the output {name}")
        output = self._response.outputs[index]
        found = tuple(output.shape)
        fits = len(found) == len(shape) and all(
            want in (-1, have) for want, have in zip(shape, found, strict=True)
        )
        if output.datatype != datatype or not fits:
            is_there = f"{output.datatype} {list(found)}"
            raise _BadOutput(f"has {name} as {is_there}; it must be {datatype} {list(shape)}")
        return self._response.raw_output_contents[index], found
