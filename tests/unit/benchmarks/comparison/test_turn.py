"""What is measured in a turn, and when it is repeated."""

import asyncio
from types import SimpleNamespace

import pytest
from emotion_benchmarks.comparison import turn
from emotion_benchmarks.comparison.turn import is_settled, run_load

JOB = SimpleNamespace(texts=["a", "b"], warm_up_s=0.05, seconds=0.2)


@pytest.fixture
def counters(monkeypatch):
    """Server and machine, whose processor seconds differ by 2 and 3 from call to call."""
    cpu_s, machine_cpu_s = iter([3.0, 5.0]), iter([10.0, 13.0])
    monkeypatch.setattr(turn, "measure_cpu_s", lambda pid: next(cpu_s))
    monkeypatch.setattr(turn, "measure_machine_cpu_s", lambda: next(machine_cpu_s))


def test_run_load_measures_after_the_warm_up(counters):
    asked = []

    async def ask(text):
        asked.append(text)
        await asyncio.sleep(0.01)

    lap = asyncio.run(run_load(ask, pid=1, job=JOB))
    assert (lap.server_cpu_s, lap.machine_cpu_s) == (2.0, 3.0)
    assert 0.2 <= lap.wall_s < 5
    assert 0 < lap.caller_cpu_s <= lap.wall_s
    assert 0 < lap.num_texts == len(lap.latencies_s) < len(asked)


@pytest.mark.parametrize(
    ("machine_cpu_s", "expected"),
    [
        pytest.param([], False, id="none"),
        pytest.param([17.0], True, id="quiet"),
        pytest.param([17.1], False, id="busy"),
        pytest.param([17.1, 17.0], True, id="quiet-in-the-end"),
        pytest.param([17.1, 17.1], False, id="busy-twice"),
        pytest.param([17.1, 17.1, 17.1], True, id="busy-to-the-end"),
    ],
)
def test_is_settled_after_a_quiet_measurement_or_three(machine_cpu_s, expected, make_lap):
    laps = [make_lap(1, machine_cpu_s=each) for each in machine_cpu_s]
    assert is_settled(laps) is expected
