"""Which server is next, and which ones are put aside."""

from collections import Counter

import pytest
from emotion_client import pool as pool_module
from emotion_client.addresses import list_addresses
from emotion_client.errors import Unavailable
from emotion_client.pool import (
    MAX_DELAY_S,
    NAME_LIFETIME_S,
    POLL_S,
    SHORT_NAME_LIFETIME_S,
    Pool,
    Turn,
)

FAILURE = Unavailable("host: gone")


class Clock:
    """Time that the test sets."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    fake = Clock()
    monkeypatch.setattr(pool_module, "monotonic", fake)
    return fake


def take_turn(pool):
    turn = pool.take()
    assert isinstance(turn, Turn)
    return turn


def make_ready(pool):
    """Lets every server pass its trial."""
    for _ in pool.replicas:
        turn = take_turn(pool)
        assert turn.is_trial
        pool.end_trial(turn.replica)
        pool.set_ready(turn.replica)


def test_take_new_server_is_tried_by_one_call_while_others_wait(clock):
    pool = Pool(["10.0.0.1:1"])
    turn = take_turn(pool)
    assert turn.is_trial
    assert pool.take() == POLL_S
    pool.end_trial(turn.replica)
    pool.set_ready(turn.replica)
    assert take_turn(pool) == Turn(turn.replica, is_trial=False)


def test_take_ready_servers_in_turn(clock):
    pool = Pool(["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"])
    make_ready(pool)
    counts = Counter(take_turn(pool).replica.address.url for _ in range(30))
    assert set(counts.values()) == {10}


def test_take_server_that_failed_is_left_out_until_its_time(clock):
    pool = Pool(["10.0.0.1:1", "10.0.0.2:1"])
    make_ready(pool)
    bad, good = pool.replicas
    pool.put_aside(bad, error=FAILURE)
    assert {take_turn(pool).replica.address for _ in range(9)} == {good.address}
    clock.now = bad.retry_at
    assert take_turn(pool) == Turn(bad, is_trial=True)
    assert {take_turn(pool).replica.address for _ in range(9)} == {good.address}  # one tries


def test_take_only_server_failed_says_how_long_to_wait(clock):
    pool = Pool(["10.0.0.1:1"])
    make_ready(pool)
    (only,) = pool.replicas
    assert pool.last_failure() is None
    for _ in range(64):  # all calls in flight fail, which counts once
        pool.put_aside(only, error=FAILURE)
    assert only.num_failures == 1
    assert pool.take() == pytest.approx(only.retry_at - clock.now)
    failure = pool.last_failure()
    assert type(failure) is Unavailable
    assert str(failure) == "host: gone"


def test_put_aside_delay_doubles_to_a_limit_with_jitter_and_starts_again(clock):
    pool = Pool(["10.0.0.1:1"])
    (only,) = pool.replicas
    delays = []
    for _ in range(12):
        pool.put_aside(only, error=FAILURE)
        delays.append(only.retry_at - clock.now)
        clock.now = only.retry_at
    assert 0.05 <= delays[0] <= 0.1
    assert all(MAX_DELAY_S / 2 <= delay <= MAX_DELAY_S for delay in delays[6:])
    assert len(set(delays[6:])) == 6
    only.num_failures = 5000  # after hours; 2**5000 is too large for a float
    pool.put_aside(only, error=FAILURE)
    assert MAX_DELAY_S / 2 <= only.retry_at - clock.now <= MAX_DELAY_S
    pool.set_ready(only)
    pool.put_aside(only, error=FAILURE)
    assert only.retry_at - clock.now <= 0.1


def test_set_ready_adds_to_the_retries():
    pool = Pool(["10.0.0.1:1"])
    (only,) = pool.replicas
    while pool.take_retry():
        pass
    for _ in range(6):
        pool.set_ready(only)
    assert pool.take_retry()


def test_take_name_is_looked_up_by_one_call_and_again_when_it_expires(clock):
    pool = Pool(["triton:1", "10.0.0.9:1"])
    assert (pool.take_names(), pool.take_names()) == (["triton:1"], [])
    pool.set_addresses(list_addresses("triton:1", ips=["10.0.0.1"]), url="triton:1")
    assert pool.take_names() == []
    clock.now += SHORT_NAME_LIFETIME_S
    assert pool.take_names() == ["triton:1"]


def test_set_addresses_keeps_servers_that_stay_and_drops_those_that_went(clock):
    pool = Pool(["triton:1", "10.0.0.9:1"])
    pool.take_names()
    pool.set_addresses(list_addresses("triton:1", ips=["10.0.0.1", "10.0.0.2"]), url="triton:1")
    make_ready(pool)
    stays = next(r for r in pool.replicas if r.address.target == "ipv4:10.0.0.2:1")
    clock.now += SHORT_NAME_LIFETIME_S
    pool.take_names()
    pool.set_addresses(list_addresses("triton:1", ips=["10.0.0.2", "10.0.0.3"]), url="triton:1")
    targets = {r.address.target.split(":")[1] for r in pool.replicas}
    assert targets == {"10.0.0.9", "10.0.0.2", "10.0.0.3"}
    assert stays in pool.replicas
    assert stays.is_ready


def test_set_addresses_all_ready_lives_longer(clock):
    pool = Pool(["triton:1"])
    for _ in range(2):
        clock.now += SHORT_NAME_LIFETIME_S
        pool.take_names()
        pool.set_addresses(list_addresses("triton:1", ips=["10.0.0.1"]), url="triton:1")
        if not pool.replicas[0].is_ready:
            make_ready(pool)
    clock.now += NAME_LIFETIME_S - 1
    assert pool.take_names() == []
    clock.now += 1
    assert pool.take_names() == ["triton:1"]


def test_set_addresses_failed_look_up_keeps_what_is_known(clock):
    pool = Pool(["triton:1"])
    pool.take_names()
    pool.set_addresses(None, url="triton:1")
    assert pool.take_names() == ["triton:1"]  # nothing is known, so the next call looks at once
    pool.set_addresses(list_addresses("triton:1", ips=["10.0.0.1"]), url="triton:1")
    clock.now += SHORT_NAME_LIFETIME_S
    pool.take_names()
    pool.set_addresses(None, url="triton:1")
    assert len(pool.replicas) == 1
    assert pool.take_names() == []


def test_set_addresses_failed_look_up_of_one_of_two_waits_for_its_time(clock):
    pool = Pool(["10.0.0.1:1", "triton:1"])
    pool.take_names()
    pool.set_addresses(None, url="triton:1")
    assert pool.take_names() == []
    clock.now += SHORT_NAME_LIFETIME_S
    assert pool.take_names() == ["triton:1"]


def test_has_other_counts_ready_servers_and_those_never_asked(clock):
    pool = Pool(["10.0.0.1:1", "10.0.0.2:1"])
    one, other = pool.replicas
    assert pool.has_other(one)
    pool.put_aside(other, error=FAILURE)
    assert not pool.has_other(one)
    pool.set_ready(other)
    assert pool.has_other(one)


def test_take_closed_pool_raises():
    pool = Pool(["10.0.0.1:1"])
    pool.is_closed = True
    with pytest.raises(Unavailable, match=r"10\.0\.0\.1:1: the client was closed during the call"):
        pool.take()


def test_begin_trial_second_caller_is_told_no():
    pool = Pool(["10.0.0.1:1"])
    (only,) = pool.replicas
    assert (pool.begin_trial(only), pool.begin_trial(only)) == (True, False)
    pool.end_trial(only)
    assert pool.begin_trial(only)
