"""Several times as many requests as the server can answer, in an open loop, for minutes."""

import time

import numpy as np
import pytest
from e2e.hostile import build_text
from e2e.memory import measure_memory
from e2e.quick_caller import QuickCaller
from emotion_client import EmotionClient
from emotion_server.address import FREE_PORTS
from emotion_server.service import Service
from tritonclient.grpc.service_pb2 import ModelInferRequest

from checkpoints import VERSES

AT_A_TIME = 64
TIMEOUT_S = 10.0
WINDOW_S = 10.0
SECONDS = 300
MIN_SHARE = 0.9  # of the capacity
MAX_P99_S, MAX_REFUSAL_S, MAX_RECOVERY_S = 2.5, 0.05, 2.0
MAX_LONE_S, MAX_GROWTH_MIB = 0.5, 64


def build_messages(kind):
    """Returns requests of 38 to 128 tokens, or of as many words."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(38, 129, size=64)
    if kind == "text":
        words = " ".join(VERSES).split()
        texts = [" ".join(rng.choice(words, size=length)).encode() for length in lengths]
        return [build_text("emotion_text", len(x).to_bytes(4, "little") + x) for x in texts]
    messages = []
    for length in lengths:
        request = ModelInferRequest(model_name="emotion")
        ids = rng.integers(1000, 30000, size=(1, length))
        for name, array in (("input_ids", ids), ("attention_mask", np.ones_like(ids))):
            request.inputs.add(name=name, datatype="INT64", shape=array.shape)
            request.raw_input_contents.append(array.astype("<i8").tobytes())
        messages.append(request.SerializeToString())
    return messages


@pytest.mark.long
@pytest.mark.timeout(3 * SECONDS)
@pytest.mark.parametrize("factor", [3, 10])
@pytest.mark.parametrize("kind", ["ids", "text"])
def test_overloaded_server_keeps_answering_at_its_capacity(kind, factor, default_repository):
    with Service(default_repository, address=FREE_PORTS) as server:
        url = server.address.url
        caller = QuickCaller(url, build_messages(kind), TIMEOUT_S)
        capacity = caller.saturate(at_a_time=AT_A_TIME, seconds=20)
        caller.arrive(rate=factor * capacity, seconds=WINDOW_S)  # every queue has been full once
        memory_mib = measure_memory()
        begin = time.monotonic()
        ends = caller.arrive(rate=factor * capacity, seconds=SECONDS)
        growth_mib = measure_memory() - memory_mib
        caller.close()
        with EmotionClient(url) as client:
            time.sleep(max(0.0, begin + SECONDS + MAX_RECOVERY_S - time.monotonic()))
            start = time.monotonic()
            client.predict("la")
            lone_s = time.monotonic() - start
    windows = np.zeros(int(SECONDS / WINDOW_S))
    for end in ends:
        if not end.refusal and end.stop - begin < SECONDS:
            windows[int((end.stop - begin) / WINDOW_S)] += 1 / WINDOW_S
    p99_s = np.percentile([end.stop - end.start for end in ends if not end.refusal], 99)
    refusal_s = np.median([end.stop - end.start for end in ends if end.refusal])
    print(
        f"{kind}, {factor} times {capacity:.0f}/s: at least {windows.min():.0f}/s in 10 s, "
        f"mean {windows.mean():.0f}/s, p99 {p99_s:.2f} s, refused after {1000 * refusal_s:.0f} ms, "
        f"memory {growth_mib:+.0f} MiB, then alone {1000 * lone_s:.0f} ms"
    )
    assert all("is overloaded" in end.refusal for end in ends if end.refusal)
    assert windows.min() >= MIN_SHARE * capacity
    assert p99_s < MAX_P99_S
    assert refusal_s < MAX_REFUSAL_S
    assert growth_mib < MAX_GROWTH_MIB
    assert lone_s < MAX_LONE_S
