"""When a model counts as hung. Its answers are set by hand; real hangs are in tests/e2e."""

import pytest
from emotion_server import pulse as module
from emotion_server.pulse import BUSY_HANG_S, IDLE_HANG_S, STOPPED_HANG_S, Pulse


class Process:
    """Stands in for a model's process and for the clock."""

    def __init__(self):
        self.now_s, self.cpu_s, self.is_stopped = 0.0, 0.0, False


@pytest.fixture
def process(monkeypatch):
    process = Process()
    monkeypatch.setattr(module, "monotonic", lambda: process.now_s)
    monkeypatch.setattr(module, "read_cpu_s", lambda pid: process.cpu_s)
    monkeypatch.setattr(module, "is_stopped", lambda pid: process.is_stopped)
    return process


@pytest.fixture
def pulse(process, monkeypatch):
    monkeypatch.setattr(Pulse, "_ask_on", lambda self: None)
    found = Pulse("emotion", 1, "127.0.0.1:1")
    found.answered_at = found.worked_at = found.ran_at = 0.0
    return found


def follow(pulse, process, *, seconds, cpu_share=0.0, answers=False):
    """Returns when the model first counts as hung, looked at each tenth of a second."""
    for _ in range(round(10 * seconds)):
        process.now_s += 0.1
        process.cpu_s += 0.1 * cpu_share
        if answers:
            pulse.answered_at = process.now_s
        if pulse.is_hung():
            return process.now_s
    return None


def test_model_that_answers_is_well(pulse, process):
    assert follow(pulse, process, seconds=100, answers=True) is None


def test_model_that_neither_answers_nor_computes_hangs(pulse, process):
    assert follow(pulse, process, seconds=100) == pytest.approx(IDLE_HANG_S, abs=0.2)


def test_model_that_computes_is_busy(pulse, process):
    assert follow(pulse, process, seconds=BUSY_HANG_S - 1, cpu_share=0.5) is None


def test_model_that_computes_for_ever_without_an_answer_hangs(pulse, process):
    found = follow(pulse, process, seconds=100, cpu_share=1.0)
    assert found == pytest.approx(BUSY_HANG_S, abs=0.2)


def test_model_that_stops_computing_hangs_some_seconds_later(pulse, process):
    assert follow(pulse, process, seconds=20, cpu_share=1.0) is None
    assert follow(pulse, process, seconds=100) == pytest.approx(20 + IDLE_HANG_S, abs=0.3)


def test_model_that_a_signal_has_stopped_hangs_soon(pulse, process):
    process.is_stopped = True
    assert follow(pulse, process, seconds=100) == pytest.approx(STOPPED_HANG_S, abs=0.2)


def test_model_that_was_stopped_for_a_moment_is_well(pulse, process):
    process.is_stopped = True
    assert follow(pulse, process, seconds=STOPPED_HANG_S - 0.5, answers=True) is None
    process.is_stopped = False
    assert follow(pulse, process, seconds=100, answers=True) is None
