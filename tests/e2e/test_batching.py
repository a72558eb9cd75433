"""Requests share batches, as Triton's statistics and the model's metrics show."""

import time
from functools import partial

import numpy as np
from e2e.calls import ids_inputs, infer, read_metric, start_all
from emotion_client.protocol import MAX_ROWS
from emotion_server.counters import count_executions

NUM_REQUESTS = 256
# Full batches that keep the model busy while the requests after them arrive.
NUM_AHEAD = 8
# Metrics come from a thread of their own and may lag behind the answers.
METRICS_TIMEOUT_S = 10.0


def test_mixed_lengths_share_batches_without_padding(server, triton):
    port = server.address.metrics_port
    rng = np.random.default_rng(0)
    lengths = rng.integers(3, 129, size=NUM_REQUESTS)
    ahead = [ids_inputs(rng.integers(1000, 30000, size=(MAX_ROWS, 128)))] * NUM_AHEAD
    requests = [ids_inputs(rng.integers(1000, 30000, size=(1, n))) for n in lengths]
    names = ("emotion_batch_tokens_sum", "emotion_computed_tokens_sum", "emotion_batch_rows_sum")
    before = [read_metric(port, name) for name in names]
    executions = count_executions(triton, model="emotion")

    jobs = [partial(infer, triton, "emotion", inputs) for inputs in [*ahead, *requests]]
    futures = start_all(jobs, at_a_time=len(jobs))
    assert all(future.exception() is None for future in futures)

    num_rows = NUM_AHEAD * MAX_ROWS + NUM_REQUESTS
    num_tokens = NUM_AHEAD * MAX_ROWS * 128 + lengths.sum()
    end_s = time.monotonic() + METRICS_TIMEOUT_S
    while True:
        tokens, computed, rows = np.subtract([read_metric(port, name) for name in names], before)
        is_complete = rows >= num_rows and tokens >= num_tokens and computed >= tokens
        if is_complete or time.monotonic() > end_s:
            break
        time.sleep(0.1)
    assert rows == num_rows
    assert tokens == num_tokens
    assert computed >= tokens
    assert computed - tokens <= 0.10 * lengths.sum()
    num_batches = count_executions(triton, model="emotion") - executions - NUM_AHEAD
    assert num_batches <= 2 * NUM_REQUESTS / MAX_ROWS


def test_metrics_exist(server, triton):
    port = server.address.metrics_port
    infer(triton, "emotion", ids_inputs([[101, 102]]))
    for name in ("batch_rows", "batch_tokens", "computed_tokens", "forward_seconds"):
        assert read_metric(port, f"emotion_{name}_count") > 0, name
    before = read_metric(port, "emotion_invalid_requests_total")
    start_all([partial(infer, triton, "emotion", ids_inputs([[-1]]))], at_a_time=1)
    end_s = time.monotonic() + METRICS_TIMEOUT_S
    while (now := read_metric(port, "emotion_invalid_requests_total")) == before:
        assert time.monotonic() < end_s
        time.sleep(0.1)
    assert now == before + 1
