"""Requests that end Triton 2.51, one of its models, or a neighbour's call, each alone."""

from __future__ import annotations

import json
import struct

import grpc
from emotion_client.channel import METHOD
from tritonclient.grpc.service_pb2 import ModelInferRequest

TOO_MUCH = [
    [1, 2305843009213693952],
    [64, 36028797018963968],
    [3, 2**61],
    [1, -(2**61)],
    [1, 1099511627776],
    [0, 0],
]


def build_ids(shape, *, raw=b"", names=("input_ids", "attention_mask")):
    request = ModelInferRequest(model_name="emotion")
    for name in names:
        request.inputs.add(name=name, datatype="INT64", shape=shape)
        request.raw_input_contents.append(raw)
    return request.SerializeToString()


def build_text(model, raw, *, num_rows=1):
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name="text", datatype="BYTES", shape=[num_rows, 1])
    request.raw_input_contents.append(raw)
    return request.SerializeToString()


def build_classes(model, output):
    text = b"\2\0\0\0la"
    request = ModelInferRequest.FromString(build_text(model, text))
    if model == "emotion_info":
        del request.inputs[:], request.raw_input_contents[:]
    request.outputs.add(name=output).parameters["classification"].int64_param = 1
    return request.SerializeToString()


REQUESTS = {
    **{
        f"shape {shape} with {len(raw)} bytes": build_ids(shape, raw=raw)
        for shape in TOO_MUCH
        for raw in (b"", b"\0" * 8)
    },
    **{
        f"classes of {model} {output}": build_classes(model, output)
        for model, output in [
            ("emotion_text", "label"),
            ("emotion_text", "revision"),
            ("emotion_info", "labels"),
        ]
    },
    **{
        f"length beyond the data, {model}": build_text(model, struct.pack("<I", length) + b"la")
        for model in ("emotion_text", "emotion_tokenizer")
        for length in (3, 2**31, 2**32 - 1)
    },
    "no protobuf": b"\xff" * 100,
}


def to_body(shape, *, data=(), outputs=()):
    names = ("input_ids", "attention_mask")
    inputs = [
        {"name": name, "shape": shape, "datatype": "INT64", "data": list(data)} for name in names
    ]
    return json.dumps({"inputs": inputs, "outputs": list(outputs)}).encode()


LABEL = {"name": "label", "parameters": {"classification": 1}}
HTTP_BODIES = {
    **{f"shape {shape}": ("emotion", to_body(shape), 400) for shape in TOO_MUCH},
    "classes of label": ("emotion", to_body([1, 1], data=[1], outputs=[LABEL]), 400),
    "deep": (
        "emotion",
        b'{"inputs": [{"name": "input_ids", "shape": [1, 1], "datatype": "INT64", "data": '
        + b"[" * 100_000
        + b"]" * 100_000
        + b"}]}",
        500,
    ),
    "no JSON": ("emotion_text", b"{", 500),
}


def send_raw(url, message):
    """Sends bytes as a ModelInferRequest; returns the status."""
    with grpc.insecure_channel(url) as channel:
        try:
            channel.unary_unary(METHOD)(message, timeout=20)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK
