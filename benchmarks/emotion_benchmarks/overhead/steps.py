"""Where the time of a lone request goes, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

import grpc
from emotion_client import EmotionClient, ServerError
from emotion_client.channel import METHOD
from emotion_client.protocol import build_request, parse_predictions
from emotion_client.tokenizer import Encoding
from emotion_loadtest.figure import Figure
from emotion_loadtest.server import translated
from tritonclient.grpc import InferenceServerClient
from tritonclient.grpc.service_pb2 import ModelInferRequest, ModelInferResponse

from emotion_benchmarks.overhead.lone_requests import time_each

HEALTH = "/grpc.health.v1.Health/Check"  # the door answers it without Triton
NUM_WARM_UPS = 20
TIMEOUT_S = 5.0
TRITON_STEPS = {
    "queue": "Triton's queue, and the start of its thread",
    "compute_input": "Triton gives the inputs to the model's process",
    "compute_infer": "the model's process, forward pass included",
    "compute_output": "Triton takes the answers",
}
"""Triton's statistics to what they are."""


@dataclass(frozen=True)
class Steps:
    """The mean milliseconds of each step of a lone request, one request after another.

    Attributes:
        total_ms: of the client's call.
        python_ms: of that, the client's own work: tokenizing, building, reading.
        grpc_ms: a call that the door answers itself: gRPC in the client, and a thread that wakes up
            at either end.
        triton_ms: Triton's own statistics, in the order of `TRITON_STEPS`.
    """

    total_ms: float
    python_ms: float
    grpc_ms: float
    triton_ms: Sequence[float]

    def list_figures(self, name: str, *, engine_ms: float) -> list[Figure]:
        """Returns a line for each step; what is left is the door and Triton's gRPC.

        Args:
            name: of the texts, as "32 tokens".
            engine_ms: the forward pass in a process of its own.
        """
        between_ms = self.total_ms - self.python_ms - self.grpc_ms - sum(self.triton_ms)
        steps = [
            ("the client tokenizes, builds and reads", self.python_ms, ""),
            ("gRPC between client and door", self.grpc_ms, ""),
            ("the door, and Triton's gRPC", between_ms, "what is left"),
        ]
        for key, what, each_ms in zip(
            TRITON_STEPS, TRITON_STEPS.values(), self.triton_ms, strict=True
        ):
            note = f"the engine alone {engine_ms:.2f}" if key == "compute_infer" else ""
            steps.append((what, each_ms, note))
        lines = [Figure(f"  {step}", ms, "ms", note) for step, ms, note in steps]
        return [Figure(f"{name}, mean, of which", self.total_ms, "ms"), *lines]


@dataclass(frozen=True)
class Statistics:
    """Triton's own counters of the model, since its start.

    Attributes:
        num_requests: answered ones.
        sums_ms: the milliseconds of all of them, in the order of `TRITON_STEPS`.
    """

    num_requests: int
    sums_ms: Sequence[float]

    def find_means(self, earlier: Statistics) -> list[float]:
        """Returns the milliseconds of a request since an earlier moment.

        serve.py's own requests count too, so the number of requests is Triton's, not the caller's.

        Raises:
            ServerError: Triton counted none.
        """
        num_requests = self.num_requests - earlier.num_requests
        if num_requests < 1:
            raise ServerError(f"the server: Triton counted {num_requests} answers, not 1 or more")
        sums = zip(earlier.sums_ms, self.sums_ms, strict=True)
        return [(after_ms - before_ms) / num_requests for before_ms, after_ms in sums]


def trace(
    client: EmotionClient,
    server: InferenceServerClient,
    *,
    texts: Sequence[str],
    check: Callable[[], None],
) -> Steps:
    """Measures the steps with these texts.

    Args:
        client: asks the real model.
        server: of the same server.
        texts: all of about one length, at least `NUM_WARM_UPS`.
        check: called between calls; raises if a Ctrl-C was discarded.

    Raises:
        EmotionError: the server does not answer.
    """
    before = read_statistics(server)
    total_ms = _measure_ms(client.predict, texts, check=check)
    triton_ms = read_statistics(server).find_means(before)
    with translated(client.url), grpc.insecure_channel(client.url) as channel:
        imitate = _imitate(client, channel, text=texts[0])
        python_ms = _measure_ms(imitate, texts, check=check)
        health = channel.unary_unary(HEALTH)
        grpc_ms = _measure_ms(lambda _: health(b"", timeout=TIMEOUT_S), texts, check=check)
    return Steps(total_ms, python_ms, grpc_ms, triton_ms)


def _measure_ms(
    call: Callable[[str], object], texts: Sequence[str], *, check: Callable[[], None]
) -> float:
    time_each(call, texts[:NUM_WARM_UPS], check=check)
    return 1000 * mean(time_each(call, texts, check=check))


def _imitate(client: EmotionClient, channel: grpc.Channel, *, text: str) -> Callable[[str], None]:
    """Returns what does all that the client does in Python, with the answer to `text` for all."""
    info = client.connect()

    def build(own: str) -> tuple[list[Encoding], ModelInferRequest]:
        encodings = info.tokenizer.encode([own])
        return encodings, build_request(encodings, revision=info.revision)

    _, request = build(text)
    answer = channel.unary_unary(METHOD)(request.SerializeToString(), timeout=TIMEOUT_S)

    def call(own: str) -> None:
        encodings, request = build(own)
        request.SerializeToString()
        response = ModelInferResponse.FromString(answer)
        parse_predictions(response, encodings=encodings, info=info, url=client.url)

    return call


def read_statistics(server: InferenceServerClient) -> Statistics:
    """Asks Triton for its counters of the model `emotion`.

    Raises:
        EmotionError: the server does not answer.
    """
    with translated("the server"):
        answer = server.get_inference_statistics("emotion", as_json=True, client_timeout=TIMEOUT_S)
    found = answer["model_stats"][0]["inference_stats"]
    sums_ms = [int(found[step].get("ns", 0)) / 1e6 for step in TRITON_STEPS]
    return Statistics(int(found["success"].get("count", 0)), sums_ms)
