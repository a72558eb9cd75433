"""Several times as many requests as the server can answer, in an open loop, for minutes."""

import asyncio
import time
from dataclasses import dataclass, field

import grpc
import grpc.aio
import numpy as np
import pytest
from e2e.hostile import build_text
from emotion_client import EmotionClient
from emotion_client.channel import METHOD
from emotion_server.address import FREE_PORTS
from emotion_server.service import Service
from tritonclient.grpc.service_pb2 import ModelInferRequest

from checkpoints import VERSES

NUM_CALLERS = 64
TIMEOUT_S = 10.0
WINDOW_S = 10.0
TICK_S = 0.01
SECONDS = 300
MIN_SHARE = 0.9  # of the capacity
MAX_P99_S, MAX_REFUSAL_S, MAX_RECOVERY_S = 2.5, 0.05, 2.0


@dataclass
class Load:
    """Calls of one kind, and their ends: start, end, and why without an answer."""

    url: str
    messages: list[bytes]
    ends: list[tuple[float, float, str]] = field(default_factory=list)

    async def saturate(self, seconds):
        """Keeps as many calls going as keep the server busy; returns answers a second."""
        async with grpc.aio.insecure_channel(self.url) as channel:
            self._call = channel.unary_unary(METHOD)
            end = time.monotonic() + seconds

            async def call_on(i):
                while time.monotonic() < end:
                    await self._ask(i)

            await asyncio.gather(*[call_on(i) for i in range(NUM_CALLERS)])
        half = end - seconds / 2  # the first half warms up
        return sum(not why and stop >= half for _, stop, why in self.ends) / (seconds / 2)

    async def arrive(self, *, rate, seconds):
        """Starts calls at a rate, whether others are answered or not."""
        async with grpc.aio.insecure_channel(self.url) as channel:
            self._call = channel.unary_unary(METHOD)
            tasks, begin = [], time.monotonic()
            while (passed := time.monotonic() - begin) < seconds:
                for i in range(len(tasks), int(passed * rate)):
                    tasks.append(asyncio.create_task(self._ask(i)))
                await asyncio.sleep(TICK_S)
            await asyncio.gather(*tasks)

    async def _ask(self, i):
        start, refusal = time.monotonic(), ""
        try:
            await self._call(self.messages[i % len(self.messages)], timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            refusal = f"{error.code().name}: {error.details()}"
        self.ends.append((start, time.monotonic(), refusal))


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
    messages = build_messages(kind)
    with Service(default_repository, address=FREE_PORTS) as server:
        url = server.address.url
        capacity = asyncio.run(Load(url, messages).saturate(20))
        load = Load(url, messages)
        begin = time.monotonic()
        asyncio.run(load.arrive(rate=factor * capacity, seconds=SECONDS))
        with EmotionClient(url) as client:
            time.sleep(MAX_RECOVERY_S)
            start = time.monotonic()
            client.predict("la")
            lone_s = time.monotonic() - start
    windows = np.zeros(int(SECONDS / WINDOW_S))
    for _, stop, refusal in load.ends:
        if not refusal and stop - begin < SECONDS:
            windows[int((stop - begin) / WINDOW_S)] += 1 / WINDOW_S
    assert all("is overloaded" in refusal for _, _, refusal in load.ends if refusal)
    answered = [stop - start for start, stop, refusal in load.ends if not refusal]
    refused = [stop - start for start, stop, refusal in load.ends if refusal]
    p99, refusal_s = np.percentile(answered, 99), np.median(refused)
    print(
        f"{kind}, {factor} times {capacity:.0f}/s: at least {windows[1:].min():.0f}/s in 10 s, "
        f"mean {windows[1:].mean():.0f}/s, p99 {p99:.2f} s, "
        f"refused after {1000 * refusal_s:.0f} ms, then alone {1000 * lone_s:.0f} ms"
    )
    assert windows[1:].min() >= MIN_SHARE * capacity
    assert p99 < MAX_P99_S
    assert refusal_s < MAX_REFUSAL_S
    assert lone_s < 0.5
