"""Callers that ask again as soon as they have an answer."""

import asyncio
import threading
import time

import pytest
from emotion_benchmarks.callers import (
    SteadyCallers,
    ask_in_tasks,
    ask_in_threads,
    ask_with_callbacks,
)

TEXTS = ["a", "b", "c"]


class Server:
    """Answers after a pause; fails at one of its calls; keeps what it was asked."""

    def __init__(self, *, pause_s=0.01, failing=None):
        self.pause_s, self.failing = pause_s, failing
        self.asked: list[object] = []
        self.num_inside = self.most_inside = 0
        self._lock = threading.Lock()

    def enter(self, item):
        with self._lock:
            self.asked.append(item)
            if len(self.asked) == self.failing:
                raise LookupError("it failed")
            self.num_inside += 1
            self.most_inside = max(self.most_inside, self.num_inside)

    def leave(self):
        with self._lock:
            self.num_inside -= 1

    def ask(self, item):
        self.enter(item)
        time.sleep(self.pause_s)
        self.leave()

    async def ask_async(self, item):
        self.enter(item)
        await asyncio.sleep(self.pause_s)
        self.leave()

    def send(self, callback):
        def answer():
            try:
                self.ask("request")
            except LookupError as error:
                callback(None, error)
            else:
                callback("answer", None)

        threading.Thread(target=answer).start()


def ask_threads(server, num_items):
    return ask_in_threads(server.ask, range(num_items), num_callers=4)


def ask_tasks(server, num_items):
    return asyncio.run(ask_in_tasks(server.ask_async, range(num_items), num_callers=4))


def ask_callbacks(server, num_items):
    answers = []
    ask_with_callbacks(server.send, num_items, num_callers=4, check=answers.append)
    return len(answers)


KINDS = pytest.mark.parametrize("ask_all", [ask_threads, ask_tasks, ask_callbacks])


@KINDS
@pytest.mark.parametrize("num_items", [0, 1, 11])
def test_every_item_is_asked_once_and_four_at_a_time(ask_all, num_items):
    server = Server()
    assert ask_all(server, num_items) == num_items
    expected = ["request"] * num_items if ask_all is ask_callbacks else list(range(num_items))
    assert sorted(server.asked) == expected
    assert (server.most_inside, server.num_inside) == (min(num_items, 4), 0)


@KINDS
def test_failure_ends_the_load(ask_all):
    server = Server(failing=6)
    with pytest.raises(LookupError, match="it failed"):
        ask_all(server, 1000)
    assert len(server.asked) < 6 + 8


def test_callbacks_answer_that_check_refuses_ends_the_load():
    server = Server()
    with pytest.raises(ValueError, match="answer"):
        ask_with_callbacks(server.send, 1000, num_callers=4, check=int)
    assert len(server.asked) == 4  # those in flight when the first answer came


def run_steady(server, *, seconds=0.2, drain_s=5.0):
    async def run():
        async with SteadyCallers(server.ask_async, texts=TEXTS, num_callers=4) as callers:
            await callers.wait(0.05)
            callers.latencies_s.clear()
            await callers.wait(seconds)
            latencies_s = [*callers.latencies_s]
            await callers.drain(drain_s)
        return latencies_s

    return asyncio.run(run())


def test_steady_callers_ask_in_order_until_they_are_drained():
    server = Server()
    latencies_s = run_steady(server)
    assert server.asked[:5] == ["a", "b", "c", "a", "b"]
    assert (server.most_inside, server.num_inside) == (4, 0)
    assert 0 < len(latencies_s) < len(server.asked)
    assert server.pause_s * 0.9 <= min(latencies_s) <= max(latencies_s) < 5


@pytest.mark.parametrize("failing", [1, 12], ids=["at-once", "later"])
def test_steady_callers_failure_ends_the_load(failing):
    server = Server(failing=failing)
    with pytest.raises(LookupError, match="it failed"):
        run_steady(server)
    assert len(server.asked) < failing + 4


def test_steady_callers_answers_that_do_not_come_end_in_a_timeout():
    with pytest.raises(TimeoutError, match=r"the last answers did not come within 0\.1 s"):
        run_steady(Server(pause_s=30.0), seconds=0.1, drain_s=0.1)
