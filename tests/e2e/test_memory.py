"""The model's process does not leak memory."""

from functools import partial

import numpy as np
import psutil
import pytest
from e2e.calls import ids_inputs, infer, start_all

AT_A_TIME = 32
MAX_GROWTH = 16 * 2**20


@pytest.mark.parametrize(
    "num_requests",
    [4_000, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(1200)])],
)
def test_memory_does_not_grow(num_requests, server, triton):
    model = psutil.Process(server.triton.models["emotion"][0])
    ask(triton, num_requests // 4)  # fills caches and pools
    before = model.memory_full_info().uss
    ask(triton, num_requests - num_requests // 4)
    after = model.memory_full_info().uss
    print(f"{num_requests:,} requests: {before / 2**20:.1f} MiB, then {after / 2**20:.1f}")
    assert after - before < MAX_GROWTH


def ask(triton, num_requests):
    """Sends rows of random lengths; every tenth is bad."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(1000, 30000, size=(1, n)) for n in rng.integers(3, 65, size=200)]
    for bad in rows[::10]:
        bad[0, -1] = -1
    jobs = [partial(infer, triton, "emotion", ids_inputs(row)) for row in rows]
    assert num_requests % len(jobs) == 0
    for _ in range(num_requests // len(jobs)):
        futures = start_all(jobs, at_a_time=AT_A_TIME)
        assert sum(future.exception() is not None for future in futures) == len(rows) / 10
