"""What Triton says of its work."""

from __future__ import annotations

from server_load import ServerLoad, parse_load
from tritonclient.grpc.service_pb2 import InferBatchStatistics, ModelStatistics, StatisticDuration


def lasting(ns: int) -> StatisticDuration:
    return StatisticDuration(count=1, ns=ns)


def test_parse_load_counts_a_batch_once() -> None:
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
    assert parse_load(statistics) == ServerLoad(num_rows=72, num_batches=2, busy_s=4.3)


def test_difference_is_the_work_between_two_moments() -> None:
    assert ServerLoad(72, 3, 4.5) - ServerLoad(8, 1, 2.0) == ServerLoad(64, 2, 2.5)
