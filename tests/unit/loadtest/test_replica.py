"""The model of one server, against queues whose answers are known."""

import numpy as np
import pytest
from emotion_loadtest.replica import Replica, ServiceTime

ENDLESS = 1e6
ONE_BY_ONE = ServiceTime(fixed_s=0.01, row_s=0.0, max_rows=1, max_wait_s=ENDLESS)
FOREVER = float("inf")


def draw_arrivals(rate, *, seconds, seed=0):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, seconds, rng.poisson(rate * seconds))).tolist()


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_one_by_one_waits_as_an_m_d_1_queue(load):
    # Pollaczek and Khinchine: rho * s / (2 * (1 - rho)).
    arrivals = draw_arrivals(load / 0.01, seconds=2_000)
    work = Replica(ONE_BY_ONE).run(arrivals, until_s=FOREVER)
    expected_s = 0.01 + load * 0.01 / (2 * (1 - load))
    assert work.latency_s.mean() == pytest.approx(expected_s, rel=0.05)
    assert work.busy_s == pytest.approx(len(arrivals) * 0.01)
    assert (len(work.latency_s), work.num_refused) == (len(arrivals), 0)


def test_lone_requests_do_not_wait():
    work = Replica(ServiceTime(fixed_s=0.5, row_s=0.25)).run([1.0, 5.0, 9.0], until_s=FOREVER)
    assert work.latency_s.tolist() == [0.75, 0.75, 0.75]


def test_what_comes_during_a_batch_is_the_next_batch_up_to_the_limit():
    time = ServiceTime(fixed_s=1.0, row_s=0.5, max_rows=2, max_wait_s=ENDLESS)
    work = Replica(time).run([0.0, 0.1, 0.2, 0.3], until_s=FOREVER)
    # 0 to 1.5: one; 1.5 to 3.5: two; 3.5 to 5: one.
    assert work.latency_s.tolist() == pytest.approx([1.5, 3.4, 3.3, 4.7])
    assert work.busy_s == pytest.approx(5.0)


def test_full_batches_reach_the_highest_rate():
    time = ServiceTime.of_rate(200.0)
    assert time.max_rate == pytest.approx(200.0)
    work = Replica(ServiceTime.of_rate(200.0)).run(draw_arrivals(800, seconds=100), until_s=100)
    assert len(work.latency_s) / 100 == pytest.approx(200, rel=0.02)
    assert work.busy_s == pytest.approx(100, rel=0.02)


def test_who_would_wait_too_long_is_refused_and_nobody_else_waits_longer():
    time = ServiceTime(max_wait_s=2.0)
    arrivals = draw_arrivals(3 * time.max_rate, seconds=60)
    work = Replica(time).run(arrivals, until_s=FOREVER)
    assert len(work.latency_s) + work.num_refused == len(arrivals)
    assert work.num_refused / len(arrivals) == pytest.approx(2 / 3, rel=0.05)
    batch_s = time.max_rows / time.max_rate
    assert 2.0 < work.latency_s.max() < 2.0 + 2 * batch_s


def test_burst_on_an_empty_server_keeps_as_many_as_may_wait():
    time = ServiceTime(fixed_s=0.0, row_s=0.01, max_rows=10, max_wait_s=2.0)
    work = Replica(time).run([0.0] * 1000, until_s=FOREVER)
    assert (len(work.latency_s), work.num_refused) == (200, 800)
    assert work.latency_s.max() == pytest.approx(2.0)


def test_pieces_of_time_do_the_same_as_the_whole():
    time = ServiceTime()
    arrivals = np.array(draw_arrivals(1.2 * time.max_rate, seconds=30))
    whole = Replica(time).run(arrivals.tolist(), until_s=FOREVER)
    replica, pieces = Replica(time), []
    for start_s in range(30):
        chosen = arrivals[(arrivals >= start_s) & (arrivals < start_s + 1)]
        pieces.append(replica.run(chosen.tolist(), until_s=start_s + 1))
    pieces.append(replica.run([], until_s=FOREVER))
    assert np.concatenate([work.latency_s for work in pieces]).tolist() == whole.latency_s.tolist()
    assert sum(work.num_refused for work in pieces) == whole.num_refused > 0
    assert sum(work.busy_s for work in pieces) == pytest.approx(whole.busy_s)


def test_waiting_are_those_beyond_what_triton_has():
    time = ServiceTime(fixed_s=0.0, row_s=0.01, max_rows=10, max_wait_s=2.0, ahead_s=0.5)
    work = Replica(time).run([0.0] * 150, until_s=0.05)
    # A batch of 10 computes, 50 of the others are work for half a second.
    assert work.num_waiting == 90
