"""When the service starts something again, and when it gives up; real deaths are in tests/e2e."""

from contextlib import nullcontext

import pytest
from emotion_server import service as module
from emotion_server.address import Address
from emotion_server.errors import StartError
from emotion_server.service import MAX_RESTARTS, RESTARTS_WINDOW_S, Service


class Stopped(Exception):
    """Ends the endless supervision of a healthy service."""


class Clock:
    """Stands in for `time`; each sleep takes exactly as long as it says."""

    def __init__(self):
        self.now_s, self.sleeps = 0.0, []

    def monotonic(self):
        return self.now_s

    def sleep(self, seconds):
        self.now_s += seconds
        self.sleeps.append(seconds)


class Part:
    """A fake of Triton and of the door: runs until the times at which it dies."""

    def __init__(self, clock, deaths=(), *, fails_to_start=0):
        self.clock, self.deaths, self.num_starts = clock, list(deaths), 0
        self.fails_to_start = fails_to_start
        self.is_broken = False
        self.models = {}
        self.runs = True

    def is_running(self):
        if self.deaths and self.clock.now_s >= self.deaths[0]:
            self.deaths.pop(0)
            self.runs = False
        return self.runs

    def find_dead_model(self):
        return None

    def describe_exit(self):
        return "it ended with SIGSEGV; its last error: none"

    def mark_broken(self):
        self.is_broken = True

    def stop(self):
        self.runs = False

    kill = stop

    def start(self):
        self.num_starts += 1
        if self.fails_to_start:
            self.fails_to_start -= 1
            raise StartError("no memory")
        self.runs = True

    __enter__ = start


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def supervise(clock, monkeypatch, tmp_path):
    """Supervises a fake Triton for some seconds; returns what was complained of."""
    monkeypatch.setattr(Service, "_watch_models", lambda self: None)
    monkeypatch.setattr(Service, "_watch_door", lambda self: None)

    def run(*, triton=None, door=None, door_pulse=None, seconds):
        service = Service(tmp_path)
        service.triton, service.door = triton or Part(clock), door or Part(clock)
        service._pulses, service._door_pulse = [], door_pulse
        complaints = []

        def check():
            if clock.now_s > seconds:
                raise Stopped

        service.supervise(complain=complaints.append, check_interruption=check)
        return complaints

    return run


def test_healthy_service_is_left_alone(supervise, clock):
    triton = Part(clock)
    with pytest.raises(Stopped):
        supervise(triton=triton, seconds=1000)
    assert triton.num_starts == 0


def test_dead_triton_is_started_again_at_once(supervise, clock):
    triton = Part(clock, [10.0])
    with pytest.raises(Stopped):
        supervise(triton=triton, seconds=20)
    assert (triton.num_starts, triton.runs, triton.is_broken) == (1, True, True)
    assert max(clock.sleeps) == module.CHECK_INTERVAL_S


def test_dead_door_is_started_again_without_triton(supervise, clock):
    triton, door = Part(clock), Part(clock, [10.0])
    with pytest.raises(Stopped):
        supervise(triton=triton, door=door, seconds=20)
    assert (triton.num_starts, door.num_starts) == (0, 1)


def test_door_that_hangs_is_killed_and_started_again(supervise, clock):
    door = Part(clock)

    class HungPulse:
        def is_hung(self):
            return door.num_starts == 0

    with pytest.raises(Stopped):
        supervise(door=door, door_pulse=HungPulse(), seconds=20)
    assert (door.num_starts, door.runs) == (1, True)


def test_too_many_deaths_in_a_row_end_it(supervise, clock):
    deaths = [10.0 + 30 * i for i in range(MAX_RESTARTS + 1)]
    triton = Part(clock, deaths)
    complaints = supervise(triton=triton, seconds=1000)
    assert triton.num_starts == MAX_RESTARTS
    assert complaints[-1].endswith(f"; {MAX_RESTARTS} restarts in 300 s did not help")
    pauses = [seconds for seconds in clock.sleeps if seconds > module.CHECK_INTERVAL_S]
    assert pauses == [1, 2, 4, 8]


def test_deaths_far_apart_are_forgotten(supervise, clock):
    deaths = [10.0 + RESTARTS_WINDOW_S * i for i in range(2 * MAX_RESTARTS)]
    triton = Part(clock, deaths)
    with pytest.raises(Stopped):
        supervise(triton=triton, seconds=deaths[-1] + 20)
    assert triton.num_starts == 2 * MAX_RESTARTS


def test_start_that_fails_is_tried_again(supervise, clock):
    triton = Part(clock, [10.0], fails_to_start=2)
    with pytest.raises(Stopped):
        supervise(triton=triton, seconds=60)
    assert (triton.num_starts, triton.runs) == (3, True)


@pytest.mark.parametrize(("port", "num_tries"), [(0, 3), (8001, 1)])
def test_door_is_opened_at_other_ports_if_free_ones_were_taken_meanwhile(
    port, num_tries, monkeypatch, tmp_path
):
    tried = []

    def wait_for_door(service):
        tried.append(service.address)
        if len(tried) < 3:
            raise StartError("the door ended with code 2")

    monkeypatch.setattr(module, "DoorProcess", lambda *args, **options: nullcontext())
    monkeypatch.setattr(Service, "_build_triton", lambda service: nullcontext())
    monkeypatch.setattr(Service, "_stop_triton", lambda service: None)
    monkeypatch.setattr(Service, "_wait_for_door", wait_for_door)
    monkeypatch.setattr(nullcontext, "address", None, raising=False)
    monkeypatch.setattr(module, "claim_ports", lambda address: address)
    service = Service(tmp_path, address=Address(grpc_port=port))
    if num_tries == 1:
        with pytest.raises(StartError, match="the door ended"):
            service.__enter__()
    else:
        with service:
            assert service.address.grpc_port == port
    assert len(tried) == num_tries
