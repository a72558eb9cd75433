"""An inference request over HTTP as one over gRPC, and the answer back.

KServe v2's two forms say the same: JSON, with tensors as lists or as bytes after the JSON, and
protobuf. So HTTP callers get the checks, the turns and the answers of gRPC callers.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any

import numpy as np
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

MAX_NESTING = 8
NUMBERS = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP32": np.float32,
    "FP64": np.float64,
}
# Of HTTP alone: how tensors are written in the body.
BODY_PARAMETERS = ("binary_data", "binary_data_size", "binary_data_output")


class NoJson(Exception):
    """The body cannot be parsed; the message is a sentence."""


class BadBody(Exception):
    """The body is JSON, but no request; the message is a sentence."""


def read_request(
    body: bytes, *, header_len: int | None, model: str, version: str
) -> ModelInferRequest:
    """Reads a body.

    Args:
        body: JSON, and after it the bytes of tensors.
        header_len: bytes of the JSON; None if all of it.
        model: name of the model, from the path.
        version: its version, or "".

    Raises:
        NoJson: it is none.
        BadBody: it is no request.
    """
    split = len(body) if header_len is None else header_len
    if not 0 <= split <= len(body):
        raise BadBody(f"the JSON's length is given as {split}; the body has {len(body)} bytes")
    document, binary = parse(body[:split]), body[split:]
    request = ModelInferRequest(model_name=model, model_version=version)
    request.id = _read(document, "id", str, default="")
    _copy_parameters(document, request.parameters)
    start = 0
    for tensor in _read_objects(document, "inputs"):
        name = _read(tensor, "name", str)
        datatype = _read(tensor, "datatype", str)
        shape = _read(tensor, "shape", list)
        if not all(type(size) is int and -(2**63) <= size < 2**63 for size in shape):
            raise BadBody("a shape is no list of integers")
        added = request.inputs.add(name=name, datatype=datatype, shape=shape)
        num_bytes = _copy_parameters(tensor, added.parameters).get("binary_data_size")
        if num_bytes is None:
            raw = _pack(_read(tensor, "data", list), datatype=datatype)
        elif type(num_bytes) is int and 0 <= num_bytes <= len(binary) - start:
            raw = binary[start : start + num_bytes]
            start += num_bytes
        else:
            raise BadBody(f"binary_data_size is {num_bytes}; {len(binary) - start} bytes are left")
        request.raw_input_contents.append(raw)
    if start != len(binary):
        raise BadBody(f"{len(binary) - start} bytes follow the last tensor")
    for output in _read_objects(document, "outputs"):
        added = request.outputs.add(name=_read(output, "name", str))
        _copy_parameters(output, added.parameters)
    return request


def read_binary_outputs(body: bytes, *, header_len: int | None) -> set[str] | None:
    """Returns the outputs that the caller wants as bytes; None for all of them."""
    document = parse(body[:header_len])
    if document.get("parameters", {}).get("binary_data_output") is True:
        return None
    return {
        output["name"]
        for output in document.get("outputs", [])
        if output.get("parameters", {}).get("binary_data") is True
    }


def write_response(raw: bytes, *, binary: set[str] | None) -> tuple[bytes, int | None]:
    """Returns the body of an answer, and the length of its JSON if bytes follow it.

    Args:
        raw: a ModelInferResponse.
        binary: the outputs to write as bytes; None for all.
    """
    response = ModelInferResponse.FromString(raw)
    document: dict[str, Any] = {"id": response.id} if response.id else {}
    document |= {"model_name": response.model_name, "model_version": response.model_version}
    if response.parameters:
        document["parameters"] = {
            key: getattr(value, value.WhichOneof("parameter_choice"))
            for key, value in response.parameters.items()
        }
    document["outputs"], tail = [], []
    for tensor, content in zip(response.outputs, response.raw_output_contents, strict=True):
        output: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype}
        output["shape"] = list(tensor.shape)
        if binary is None or tensor.name in binary:
            output["parameters"] = {"binary_data_size": len(content)}
            tail.append(content)
        else:
            output["data"] = _unpack(content, datatype=tensor.datatype)
        document["outputs"].append(output)
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    head = text.encode("utf-8", "surrogateescape")
    return head + b"".join(tail), len(head) if tail else None


def parse(document: bytes) -> dict[str, Any]:
    """Reads a request's JSON. Bytes that are no UTF-8 stay what they are, in strings.

    Raises:
        NoJson: it is none, is nested too deep, or has no inputs.
    """
    try:
        found = json.loads(document.decode("utf-8", "surrogateescape"))
    except (ValueError, RecursionError):
        raise NoJson("failed to parse the request JSON buffer: it is no JSON") from None
    if not isinstance(found, dict):
        raise NoJson("failed to parse the request JSON buffer: it is no object")
    if "inputs" not in found:
        raise NoJson("failed to parse the request JSON buffer: it has no inputs")
    return found


def _read(owner: dict[str, Any], key: str, kind: type, *, default: Any = None) -> Any:
    found = owner.get(key, default)
    if not isinstance(found, kind):
        raise BadBody(f"{key} is missing or no {'list' if kind is list else 'string'}")
    if kind is str:
        _encode(found)
    return found


def _read_objects(owner: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = owner.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadBody(f"{key} is no list of objects")
    return found


def _copy_parameters(owner: dict[str, Any], target: Any) -> dict[str, Any]:
    found: dict[str, Any] = owner.get("parameters", {})
    if not isinstance(found, dict):
        raise BadBody("parameters is no object")
    for key, value in found.items():
        _encode(key)
        if key in BODY_PARAMETERS:
            continue
        if isinstance(value, bool):
            target[key].bool_param = value
        elif isinstance(value, int) and -(2**63) <= value < 2**63:
            target[key].int64_param = value
        elif isinstance(value, float):
            target[key].double_param = value
        elif isinstance(value, str):
            _encode(value)
            target[key].string_param = value
        else:
            raise BadBody("a parameter is neither a number nor a string nor a truth value")
    return found


def _encode(text: Any) -> bytes:
    try:
        found: bytes = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise NoJson("failed to parse the request JSON buffer: a lone surrogate") from None
    return found


def _flatten(data: list[Any]) -> list[Any]:
    for _ in range(MAX_NESTING):
        if not any(isinstance(each, list) for each in data):
            return data
        if not all(isinstance(each, list) for each in data):
            raise BadBody("data mixes lists and elements")
        data = list(chain.from_iterable(data))
    raise BadBody(f"data is nested deeper than {MAX_NESTING}")


def _pack(data: list[Any], *, datatype: str) -> bytes:
    """Returns the elements of nested lists as a tensor's bytes."""
    elements = _flatten(data)
    if datatype == "BYTES":
        if not all(isinstance(each, str) for each in elements):
            raise BadBody("an element of BYTES is no string")
        encoded = [_encode(each) for each in elements]
        return b"".join(len(each).to_bytes(4, "little") + each for each in encoded)
    dtype = NUMBERS.get(datatype)
    if dtype is None:
        raise BadBody("the datatype has no JSON form")
    kinds = (bool,) if dtype is np.bool_ else (int, float) if datatype[0] == "F" else (int,)
    if not all(type(each) in kinds for each in elements):
        raise BadBody(f"an element is no {datatype}")
    try:
        return np.array(elements, dtype=dtype).tobytes()
    except OverflowError:
        raise BadBody(f"an element is out of the range of {datatype}") from None


def _unpack(content: bytes, *, datatype: str) -> list[Any]:
    if datatype != "BYTES":
        found: list[Any] = np.frombuffer(content, dtype=NUMBERS[datatype]).tolist()
        return found
    strings, start = [], 0
    while start < len(content):
        end = start + 4 + int.from_bytes(content[start : start + 4], "little")
        strings.append(content[start + 4 : end].decode("utf-8", "surrogateescape"))
        start = end
    return strings
