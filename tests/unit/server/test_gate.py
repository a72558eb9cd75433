"""Who goes to Triton when: the gate of `server/native/gate.h`, with a clock of the test's own."""

import ctypes
import math

import pytest
from emotion_server.door.native import load_library

MAX_WAIT_S = 2.0
FIRST_LIMIT = 64  # units with Triton while no rate is known
KIB = 1024


class Gate:
    """The gate, and a Triton behind it that does so many units a second, one request at a time."""

    def __init__(self):
        self._library = load_library()
        self._library.door_gate_new.restype = ctypes.c_void_p
        self._library.door_gate_take.restype = ctypes.c_int64
        self._handle = ctypes.c_void_p(self._library.door_gate_new(ctypes.c_double(MAX_WAIT_S)))
        self._reason = ctypes.create_string_buffer(200)
        self._units = {}
        self.now_s = 0.0

    def close(self):
        self._library.door_gate_delete(self._handle)

    def enter(self, number, *, units=1.0, num_bytes=100, left_s=10.0, is_bulk=False):
        """Returns why the request is refused, or ""."""
        self._units[number] = units
        self._library.door_gate_enter(
            self._handle,
            ctypes.c_int64(number),
            ctypes.c_double(units),
            ctypes.c_size_t(num_bytes),
            ctypes.c_double(self.now_s + left_s),
            int(is_bulk),
            ctypes.c_double(self.now_s),
            self._reason,
            len(self._reason),
        )
        return self._reason.value.decode()

    def take(self):
        """Returns the next request and why it is refused, or None."""
        now = ctypes.c_double(self.now_s)
        number = self._library.door_gate_take(self._handle, now, self._reason, len(self._reason))
        return None if number < 0 else (number, self._reason.value.decode())

    def take_all(self):
        return list(iter(self.take, None))

    def leave(self, number):
        now = ctypes.c_double(self.now_s)
        self._library.door_gate_leave(self._handle, ctypes.c_int64(number), now)

    def drop(self, number):
        self._library.door_gate_drop(self._handle, ctypes.c_int64(number))

    def pause(self):
        self._library.door_gate_pause(self._handle, ctypes.c_double(self.now_s))

    def resume(self):
        self._library.door_gate_resume(self._handle, ctypes.c_double(self.now_s))

    def work(self, numbers, *, per_s):
        """Lets Triton answer requests at a rate; returns what went to it meanwhile."""
        gone = []
        for number in numbers:
            self.now_s += self._units[number] / per_s
            self.leave(number)
            gone += [number for number, reason in self.take_all() if not reason]
        return gone


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.close()


@pytest.fixture
def saturated(gate):
    """A gate that has seen 100 units a second: 100 are with Triton now, and 58 wait."""
    assert fill(gate, first=0, num=258) == [""] * 258
    left = [number for number, _ in gate.take_all()]
    for _ in range(100):
        left += gate.work([left.pop(0)], per_s=100.0)
    assert left == list(range(100, 200))
    gate.with_triton = left
    return gate


def fill(gate, *, first, num):
    return [gate.enter(first + i) for i in range(num)]


def test_lone_request_goes_at_once(gate):
    assert gate.enter(7) == ""
    assert gate.take() == (7, "")
    assert gate.take() is None


def test_requests_go_in_the_order_in_which_they_came(gate):
    fill(gate, first=0, num=5)
    assert [number for number, _ in gate.take_all()] == [0, 1, 2, 3, 4]


def test_without_a_known_rate_one_batch_goes(gate):
    fill(gate, first=0, num=300)
    assert len(gate.take_all()) == FIRST_LIMIT


def test_rate_is_known_only_when_a_batch_is_whole(gate):
    fill(gate, first=0, num=300)
    first = [number for number, _ in gate.take_all()]
    gate.now_s += 0.5
    for number in first[:-1]:
        gate.leave(number)
    assert len(gate.take_all()) == len(first) - 1
    gate.now_s += 0.5
    gate.leave(first[-1])
    # 63 units took half a second: Triton gets 126, what it computes in half of the longest wait.
    assert len(gate.take_all()) == 63


def test_wide_request_goes_alone_although_it_is_over_the_limit(gate):
    gate.enter(0, units=1000)
    gate.enter(1)
    assert gate.take_all() == [(0, "")]
    gate.leave(0)
    assert gate.take_all() == [(1, "")]


def test_request_that_would_wait_too_long_is_refused_when_it_comes(saturated):
    refused = [reason for reason in fill(saturated, first=1000, num=300) if reason]
    assert refused
    assert refused[0].startswith("the server is overloaded: the wait is 2.0 s, the limit is 2.0 s")


def test_request_whose_caller_leaves_too_soon_is_refused_when_it_comes(saturated):
    reason = saturated.enter(1000, left_s=0.5)
    assert reason.startswith("the server is overloaded: an answer takes")
    assert saturated.enter(1001, left_s=10.0) == ""


def test_request_that_waited_too_long_is_refused_instead_of_computed(saturated):
    saturated.now_s += MAX_WAIT_S
    for number in saturated.with_triton:
        saturated.leave(number)
    number, reason = saturated.take()
    assert reason.startswith("the server is overloaded: the wait is")
    assert number not in saturated.with_triton


def test_request_whose_caller_has_left_neither_goes_nor_counts(saturated):
    waiting = range(200, 258)
    for number in waiting:
        saturated.drop(number)
    assert fill(saturated, first=1000, num=50) == [""] * 50
    gone = saturated.work(saturated.with_triton, per_s=100.0)
    assert gone
    assert set(gone).isdisjoint(waiting)


def test_after_a_burst_everything_goes_at_once_again(saturated):
    left = list(saturated.with_triton)
    while left:
        left += saturated.work([left.pop(0)], per_s=1e4)
    assert saturated.enter(5000) == ""
    assert saturated.take() == (5000, "")


def test_faster_triton_gets_more_rows_at_a_time(gate):
    fill(gate, first=0, num=1500)
    with_triton = [number for number, _ in gate.take_all()]
    for i in range(3000):
        with_triton += gate.work([with_triton.pop(0)], per_s=1000.0)
        gate.enter(10_000 + i)
    assert len(with_triton) == pytest.approx(500, rel=0.05)  # of half a second


def test_slow_triton_gets_no_more_than_half_of_the_longest_wait(gate):
    fill(gate, first=0, num=150)
    with_triton = [number for number, _ in gate.take_all()]
    for i in range(200):
        with_triton += gate.work([with_triton.pop(0)], per_s=20.0)
        gate.enter(1000 + i)
    assert len(with_triton) == pytest.approx(MAX_WAIT_S / 2 * 20, abs=2)


def test_bulk_lets_others_go_first_but_not_for_ever(gate):
    for number in range(300):
        gate.enter(number, is_bulk=True)
    for number in range(1000, 1300):
        gate.enter(number)
    taken = [number for number, _ in gate.take_all()]
    num_bulk = sum(number < 300 for number in taken)
    assert num_bulk == math.floor(len(taken) / 8)


def test_bulk_goes_if_nobody_else_waits(gate):
    gate.enter(0, is_bulk=True)
    assert gate.take() == (0, "")


def test_bulk_before_it_does_not_delay_an_interactive_request(saturated):
    for number in range(1000, 1050):
        saturated.enter(number, is_bulk=True)
    assert saturated.enter(2000) == ""
    assert "the wait is" in saturated.enter(2001, is_bulk=True)


def test_waiting_bytes_have_a_limit(gate):
    gate.pause()
    reasons = [gate.enter(i, num_bytes=16 * KIB * KIB) for i in range(5)]
    assert reasons[:4] == [""] * 4
    assert reasons[4] == "the server is overloaded: 4 requests with 67108864 bytes wait"


def test_waiting_requests_have_a_limit(gate):
    gate.pause()
    reasons = fill(gate, first=0, num=10_001)
    assert reasons[-2:] == ["", "the server is overloaded: 10000 requests with 1000000 bytes wait"]


def test_while_triton_is_down_nobody_goes_and_the_wait_does_not_count(gate):
    gate.pause()
    gate.enter(0)
    gate.now_s += 8
    assert gate.take() is None
    gate.resume()
    assert gate.take() == (0, "")
