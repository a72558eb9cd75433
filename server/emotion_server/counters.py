"""Triton's counters: what its models have done so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emotion_client.errors import translate
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

MODEL = "emotion"
TIMEOUT_S = 10.0
COUNT_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class ServerLoad:
    """Counters of the classifier, since the server's start or between two moments.

    Attributes:
        num_rows: rows answered.
        num_batches: batches computed.
        busy_s: seconds the model spent on them.
        num_requests: requests, including those that the model refused.
        queue_s: seconds in the queue, summed over the requests.
    """

    num_rows: int
    num_batches: int
    busy_s: float
    num_requests: int = 0
    queue_s: float = 0.0

    def __sub__(self, earlier: ServerLoad) -> ServerLoad:
        return ServerLoad(
            self.num_rows - earlier.num_rows,
            self.num_batches - earlier.num_batches,
            self.busy_s - earlier.busy_s,
            self.num_requests - earlier.num_requests,
            self.queue_s - earlier.queue_s,
        )


def read_load(server: InferenceServerClient) -> ServerLoad:
    """Asks the server for its counters.

    Raises:
        EmotionError: it does not answer.
    """
    try:
        answer = server.get_inference_statistics(MODEL, client_timeout=TIMEOUT_S)
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url="the server") from error
    return parse_load(answer.model_stats[0])


def parse_load(statistics: Any) -> ServerLoad:
    """Reads Triton's ModelStatistics.

    Only the times by batch size count each batch once; the others count it once per request.
    """
    busy_ns = sum(
        each.compute_input.ns + each.compute_infer.ns + each.compute_output.ns
        for each in statistics.batch_stats
    )
    requests = statistics.inference_stats
    return ServerLoad(
        statistics.inference_count,
        statistics.execution_count,
        busy_ns / 1e9,
        requests.success.count,
        requests.queue.ns / 1e9,
    )


def count_executions(server: InferenceServerClient, *, model: str) -> int:
    """Returns how many batches a model has computed so far; -1 if Triton does not answer."""
    try:
        statistics = server.get_inference_statistics(model, client_timeout=COUNT_TIMEOUT_S)
    except InferenceServerException:
        return -1
    return int(statistics.model_stats[0].execution_count)
