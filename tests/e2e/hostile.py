"""Requests that end Triton 2.51, one of its models, or a neighbour's call, each alone."""

from __future__ import annotations

import json
import socket
import struct
from contextlib import suppress

import grpc
from e2e.quick_caller import PREFACE, RST_STREAM, SETTINGS, to_frame
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
# What Triton would say of a dead model or at its end, in a caller's own words.
ECHOES = ["is not healthy", "has no available versions", "is not at ready state"]
ECHOES += ["Server is stopping"]


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


def draw_bytes(rng):
    """Returns what a broken or hostile caller writes into a connection, for either port."""
    frames = b"".join(draw_frame(rng) for _ in range(rng.randrange(1, 20)))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\n".encode()
    return rng.choice(
        [
            rng.randbytes(rng.randrange(1, 3000)),
            PREFACE + frames,
            PREFACE + EMPTY_SETTINGS + frames,
            PREFACE + EMPTY_SETTINGS * 2000,
            PREFACE + EMPTY_SETTINGS + RESETS,
            PREFACE[: rng.randrange(len(PREFACE))],
            head + b"Content-Length: 1000000\r\n\r\n{",
            head + b"Content-Length: -5\r\n\r\n",
            head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            head + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
            head + b"X: y\r\n" * 5000,
            head + b"X: " + b"y" * 100_000,
            b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
            b"GET /v2/health/ready HTTP/1.1\r\n\r\n" * 50,
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(500),  # TLS
        ]
    )


def draw_frame(rng):
    """Returns a frame of HTTP/2 with a random type, flags, stream and content."""
    size = rng.choice([0, 1, 4, 5, 8, 100, 16384])
    claimed = size if rng.random() < 0.8 else rng.choice([0, 3, 2**24 - 1])
    stream = rng.choice([0, 1, 2, 3, 2**31 - 1, 2**32 - 1])
    return (
        claimed.to_bytes(3, "big")
        + bytes([rng.randrange(12), rng.randrange(256)])
        + stream.to_bytes(4, "big")
        + rng.randbytes(size)
    )


EMPTY_SETTINGS = to_frame(SETTINGS, 0, 0, b"")
RESETS = b"".join(to_frame(RST_STREAM, 0, stream, bytes(4)) for stream in range(1, 2000, 2))
PATH = "/v2/models/emotion/infer"


def write_raw(port, content, *, wait_s):
    """Writes bytes into a connection, reads what comes within some time, and leaves."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.settimeout(wait_s)
        connection.sendall(content)
        connection.recv(1 << 16)


def send_raw(url, message):
    """Sends bytes as a ModelInferRequest; returns the status."""
    with grpc.insecure_channel(url) as channel:
        try:
            channel.unary_unary(METHOD)(message, timeout=20)
        except grpc.RpcError as error:
            return error.code()
    return grpc.StatusCode.OK
