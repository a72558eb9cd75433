"""Triton's counters."""

from types import SimpleNamespace

import pytest
from emotion_server.counters import ServerLoad, count_executions, parse_load
from tritonclient.grpc.service_pb2 import InferBatchStatistics, ModelStatistics, StatisticDuration
from tritonclient.utils import InferenceServerException


def lasting(ns):
    return StatisticDuration(count=1, ns=ns)


def test_parse_load_counts_each_batch_once():
    batches = [
        InferBatchStatistics(
            batch_size=size,
            compute_input=lasting(100_000_000),
            compute_infer=lasting(2_000_000_000),
            compute_output=lasting(50_000_000),
        )
        for size in (8, 64)
    ]
    statistics = ModelStatistics(inference_count=72, execution_count=2, batch_stats=batches)
    statistics.inference_stats.success.count = 70
    statistics.inference_stats.queue.ns = 3_000_000_000
    assert parse_load(statistics) == ServerLoad(72, 2, 4.3, num_requests=70, queue_s=3.0)


def test_server_load_difference_is_the_work_between_two_moments():
    later, earlier = ServerLoad(72, 3, 4.5, 70, 9.0), ServerLoad(8, 1, 2.0, 8, 1.0)
    assert later - earlier == ServerLoad(64, 2, 2.5, 62, 8.0)
    assert later - ServerLoad(0, 0, 0.0) == later


@pytest.mark.parametrize(("num_executions", "expected"), [(7, 7), (None, -1)])
def test_count_executions_without_statistics_is_minus_one(num_executions, expected):
    def answer(model, *, client_timeout):
        assert (model, client_timeout) == ("emotion", 1.0)
        if num_executions is None:
            raise InferenceServerException("gone", status="StatusCode.UNAVAILABLE")
        return SimpleNamespace(model_stats=[SimpleNamespace(execution_count=num_executions)])

    server = SimpleNamespace(get_inference_statistics=answer)
    assert count_executions(server, model="emotion") == expected
