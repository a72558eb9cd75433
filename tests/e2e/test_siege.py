"""Thousands of hostile requests, drawn from a seed, to both ports of a server that others use."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from e2e.calls import ask_http
from e2e.hostile import HTTP_BODIES, REQUESTS, build_ids, build_text, draw_bytes, write_raw
from e2e.memory import measure_memory
from e2e.test_door import neighbours
from emotion_client.channel import METHOD
from tritonclient.grpc.service_pb2 import ModelInferRequest

MODELS = ("emotion", "emotion_text", "emotion_tokenizer", "emotion_info", "nothing", "")
DATATYPES = ("INT64", "INT32", "BYTES", "FP32", "BOOL", "FP16", "", "x" * 300)
SIZES = (0, 1, 2, 3, 64, 65, 128, 129, 2**20, 2**31, 2**32, 2**40, 2**61, 2**63 - 1, -1, -(2**61))
NAMES = ("input_ids", "attention_mask", "text", "label", "probabilities", "revision", "", "x")
PARAMETERS = ("classification", "shared_memory_region", "sequence_id", "priority", "timeout", "x")
MAX_GROWTH_MIB = 64
AT_A_TIME = 8


def draw_message(rng):
    """Returns a ModelInferRequest as bytes that is wrong in some way, or in none."""
    kind = rng.random()
    if kind < 0.1:
        return rng.choice(list(REQUESTS.values()))
    if kind < 0.3:
        return damage(rng, rng.choice([build_ids([1, 1], raw=b"\1" + b"\0" * 7), build_la()]))
    request = ModelInferRequest(model_name=rng.choice(MODELS), model_version=rng.choice(["", "1"]))
    for _ in range(rng.randrange(4)):
        added = request.inputs.add(name=rng.choice(NAMES), datatype=rng.choice(DATATYPES))
        added.shape.extend(rng.choices(SIZES, k=rng.randrange(4)))
        if rng.random() < 0.2:
            added.parameters[rng.choice(PARAMETERS)].int64_param = rng.choice(SIZES)
        if rng.random() < 0.3:
            added.contents.int64_contents.extend([1] * rng.randrange(5))
        else:
            request.raw_input_contents.append(rng.randbytes(rng.choice([0, 1, 4, 8, 16, 100])))
    for _ in range(rng.randrange(3)):
        output = request.outputs.add(name=rng.choice(NAMES))
        if rng.random() < 0.5:
            output.parameters[rng.choice(PARAMETERS)].int64_param = rng.choice(SIZES)
    if rng.random() < 0.2:
        request.parameters[rng.choice(PARAMETERS)].string_param = "x" * rng.choice([1, 1000])
    return request.SerializeToString()


def build_la():
    return build_text("emotion_text", b"\2\0\0\0la")


def damage(rng, message):
    found = bytearray(message)
    for _ in range(rng.randrange(1, 4)):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found[: rng.randrange(1, len(found) + 1)])


def send_some(server, *, seed, num_requests):
    """Sends hostile requests and bytes to both ports, with deadlines that may be too short."""
    rng = random.Random(seed)
    with grpc.insecure_channel(server.address.url) as channel:
        call = channel.unary_unary(METHOD)
        for _ in range(num_requests):
            if rng.random() < 0.05:
                port = rng.choice([server.address.http_port, server.address.grpc_port])
                write_raw(port, draw_bytes(rng), wait_s=rng.choice([0.0, 0.01, 0.1]))
            elif rng.random() < 0.8:
                try:
                    call(draw_message(rng), timeout=rng.choice([0.001, 0.01, 20]))
                except grpc.RpcError:
                    continue
            else:
                model, body, _ = rng.choice(list(HTTP_BODIES.values()))
                body = body if rng.random() < 0.5 else damage(rng, body[:1000])
                path = f"/v2/models/{model}/infer"
                assert ask_http(server.address.http_port, "POST", path, body)[1]


@pytest.mark.parametrize(
    "num_requests",
    [2_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])],
)
def test_siege_harms_nobody(num_requests, server, client):
    def send(seed):
        send_some(server, seed=seed, num_requests=num_requests // AT_A_TIME // 4)

    before = None
    start = time.monotonic()
    with neighbours(client), ThreadPoolExecutor(AT_A_TIME) as pool:
        for part in range(4):
            list(pool.map(send, range(part * AT_A_TIME, (part + 1) * AT_A_TIME)))
            before = before or measure_memory()
    growth_mib = measure_memory() - before
    seconds = time.monotonic() - start
    print(f"{num_requests:,} requests in {seconds:.0f} s, {growth_mib:.1f} MiB more")
    assert growth_mib < MAX_GROWTH_MIB
    assert np.isfinite(client.predict("I love you").confidence)
