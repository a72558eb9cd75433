"""The setting of an engine, on models that take a known time."""

import threading
from time import sleep

import numpy as np
import pytest
from peers import batching_engine
from peers.batching_engine import BatchingEngine, Lanes, list_lanes, softmax

ROWS = [[i + 1] * (1 + i % 5) for i in range(16)]
LOGITS = np.array([[sum(row), len(row)] for row in ROWS], dtype=np.float32)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(batching_engine, "TUNING_S", 0.0)


def sum_ids(ids, mask):
    assert (ids[mask == 0] == 0).all()
    return np.stack([ids.sum(axis=1), mask.sum(axis=1)], axis=1).astype(np.float32)


@pytest.mark.parametrize("num_threads", [1, 2, 4])
def test_predict_gives_each_row_its_own_answer_in_order(num_threads):
    engine = BatchingEngine(lambda lanes: sum_ids, num_threads=num_threads)
    for rows in (ROWS, ROWS[:1], ROWS[3:7]):
        engine.tune(rows)
        first = ROWS.index(rows[0])
        np.testing.assert_allclose(
            engine.predict(rows), softmax(LOGITS[first : first + len(rows)]), atol=1e-6
        )


@pytest.mark.parametrize("best", [2, 4, 8, 16])
def test_tune_finds_the_batch_size_that_is_fastest(best):
    def wait(ids, mask):
        sleep(0.001 if len(ids) == best else 0.01 * len(ids))
        return sum_ids(ids, mask)

    engine = BatchingEngine(lambda lanes: wait, num_threads=1)
    engine.tune(ROWS)
    assert str(engine) == f"1 x 1 threads, batches of {best}"


@pytest.mark.parametrize("best", [1, 2])
def test_tune_finds_the_lanes_that_are_fastest_and_the_others_are_dropped(best):
    loaded = []

    def load(lanes):
        loaded.append(lanes)

        def wait(ids, mask):
            sleep(0.0 if lanes.num_lanes == best else 0.02)
            return sum_ids(ids, mask)

        return wait

    engine = BatchingEngine(load, num_threads=2)
    engine.tune(ROWS)
    assert str(engine).startswith(f"{best} x {2 // best} threads")
    assert loaded == [Lanes(1, 2), Lanes(2, 1)]
    engine.drop_unused()
    engine.predict(ROWS)
    engine.tune(ROWS)
    assert len(loaded) == 3


def test_lanes_run_side_by_side_and_no_more_at_once():
    running, most = {1: 0, 2: 0}, {1: 0, 2: 0}
    lock = threading.Lock()

    def load(lanes):
        def count(ids, mask):
            with lock:
                running[lanes.num_lanes] += 1
                most[lanes.num_lanes] = max(most[lanes.num_lanes], running[lanes.num_lanes])
            sleep(0.01)
            with lock:
                running[lanes.num_lanes] -= 1
            return sum_ids(ids, mask)

        return count

    BatchingEngine(load, num_threads=2).tune(ROWS)
    assert most == {1: 1, 2: 2}


@pytest.mark.parametrize(
    ("num_threads", "expected"),
    [(1, [(1, 1)]), (2, [(1, 2), (2, 1)]), (6, [(1, 6), (2, 3), (4, 1)])],
)
def test_list_lanes_never_has_more_threads(num_threads, expected):
    assert list_lanes(num_threads) == [Lanes(*each) for each in expected]


def test_softmax_of_large_logits_is_finite():
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4], [0, -1e4]])), [[0.5, 0.5], [1, 0]])
