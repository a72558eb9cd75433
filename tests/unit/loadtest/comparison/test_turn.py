"""When a measurement is repeated."""

from __future__ import annotations

import pytest
from comparison.closed_loop import Load
from comparison.turn import MAX_TRIES, is_settled

QUIET = Load(10.0, (0.1,), server_cpu_s=15.0, caller_cpu_s=1.0, machine_cpu_s=16.5)
BUSY = Load(10.0, (0.1,), server_cpu_s=10.0, caller_cpu_s=1.0, machine_cpu_s=20.0)


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([], False),
        ([QUIET], True),
        ([BUSY], False),
        ([BUSY, QUIET], True),
        ([BUSY] * MAX_TRIES, True),
    ],
    ids=["none", "quiet", "busy", "quiet-at-last", "busy-to-the-end"],
)
def test_is_settled_after_a_quiet_measurement_or_enough(loads: list[Load], expected: bool) -> None:
    assert is_settled(loads) is expected
