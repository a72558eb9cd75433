"""Callers that ask again as soon as they have an answer."""

from __future__ import annotations

import asyncio

import pytest
from comparison.answer import Answer
from comparison.closed_loop import ClosedLoop, Load

TEXTS = ["a", "b", "c"]


class Server:
    """Answers after a pause; fails at one of its calls; keeps what it was asked."""

    def __init__(self, *, pause_s: float = 0.01, failing: int | None = None) -> None:
        self.pause_s, self.failing = pause_s, failing
        self.asked: list[str] = []
        self.num_inside = self.most_inside = 0

    async def ask(self, text: str) -> Answer:
        self.asked.append(text)
        if len(self.asked) == self.failing:
            raise LookupError("it failed")
        self.num_inside += 1
        self.most_inside = max(self.most_inside, self.num_inside)
        await asyncio.sleep(self.pause_s)
        self.num_inside -= 1
        return Answer("joy", 1.0)


def run(server: Server, *, seconds: float = 0.2, drain_s: float = 5.0) -> Load:
    cpu_s, machine_cpu_s = iter([3.0, 5.0]), iter([10.0, 13.0])
    loop = ClosedLoop(server.ask, texts=TEXTS, num_callers=4)
    return asyncio.run(
        loop.run(
            warm_up_s=0.05,
            seconds=seconds,
            measure_cpu_s=lambda: next(cpu_s),
            measure_machine_cpu_s=lambda: next(machine_cpu_s),
            drain_s=drain_s,
        )
    )


def test_callers_ask_in_order_and_all_at_a_time() -> None:
    server = Server()
    load = run(server)
    assert server.asked[:5] == ["a", "b", "c", "a", "b"]
    assert server.most_inside == 4
    assert server.num_inside == 0
    assert load.wall_s >= 0.2
    assert (load.server_cpu_s, load.machine_cpu_s) == (2.0, 3.0)


def test_answers_outside_the_measurement_do_not_count() -> None:
    server = Server()
    load = run(server)
    assert 0 < len(load.latencies_s) < len(server.asked)
    assert min(load.latencies_s) >= server.pause_s * 0.9


@pytest.mark.parametrize("failing", [1, 12], ids=["at-once", "later"])
def test_failure_ends_the_load(failing: int) -> None:
    with pytest.raises(LookupError, match="it failed"):
        run(Server(failing=failing))


def test_answers_that_do_not_come_end_in_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        run(Server(pause_s=30.0), seconds=0.1, drain_s=0.1)
