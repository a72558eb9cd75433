"""A closed loop: callers that ask again as soon as they have their answer.

As threads, as tasks, or with callbacks; and as tasks that continue until they are stopped.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from threading import Semaphore
from time import perf_counter
from typing import Any, TypeVar

T = TypeVar("T")
Callback = Callable[[Any, Exception | None], None]


def ask_in_threads(ask: Callable[[T], object], items: Iterable[T], *, num_callers: int) -> int:
    """Asks for every item from threads; returns the number of answers.

    Raises:
        Exception: what `ask` raised first.
    """
    waiting = deque(items)

    def call() -> int:
        num_answers = 0
        while True:
            try:
                item = waiting.popleft()
            except IndexError:
                return num_answers
            try:
                ask(item)
            except BaseException:
                waiting.clear()  # the other threads end with their current call
                raise
            num_answers += 1

    with ThreadPoolExecutor(num_callers) as threads:
        try:
            callers = [threads.submit(call) for _ in range(num_callers)]
            return sum(each.result() for each in callers)
        finally:
            waiting.clear()  # likewise after Ctrl-C


async def ask_in_tasks(
    ask: Callable[[T], Awaitable[object]], items: Iterable[T], *, num_callers: int
) -> int:
    """Asks for every item from tasks; returns the number of answers.

    Raises:
        Exception: what `ask` raised first; the other tasks are cancelled.
    """
    waiting = iter(items)

    async def call() -> int:
        num_answers = 0
        for item in waiting:
            await ask(item)
            num_answers += 1
        return num_answers

    tasks = [asyncio.create_task(call()) for _ in range(num_callers)]
    try:
        return sum(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def ask_with_callbacks(
    send: Callable[[Callback], object],
    num_requests: int,
    *,
    num_callers: int,
    check: Callable[[Any], None],
) -> None:
    """Sends requests, `num_callers` in flight at a time, until all are answered.

    Args:
        send: starts a request; its answer or error goes to the callback, from any thread.
        num_requests: how often to send.
        num_callers: most requests in flight.
        check: gets each answer; raises if it is wrong.

    Raises:
        Exception: the first error of a request or of `check`.
    """
    free, errors = Semaphore(num_callers), list[Exception]()

    def finish(result: Any, error: Exception | None) -> None:
        try:
            if error is not None:
                raise error
            check(result)
        except Exception as problem:  # it would be lost in the thread of the callback
            errors.append(problem)
        finally:
            free.release()

    for _ in range(num_requests):
        free.acquire()
        if errors:
            free.release()
            break
        send(finish)
    for _ in range(num_callers):
        free.acquire()
    if errors:
        raise errors[0]


class SteadyCallers:
    """Tasks that ask until they are stopped, as an async context manager.

    Args:
        ask: asks the server.
        texts: what is asked, in this order, and from the start again at the end.
        num_callers: that ask at the same time.

    Attributes:
        latencies_s: of all answers so far; clear it to start anew.
    """

    def __init__(
        self, ask: Callable[[str], Awaitable[object]], *, texts: Sequence[str], num_callers: int
    ) -> None:
        self._ask, self._texts, self._num_callers = ask, texts, num_callers
        self._is_over = False
        self.latencies_s: list[float] = []

    async def __aenter__(self) -> SteadyCallers:
        self._callers = asyncio.create_task(
            ask_in_tasks(self._time, self._give_texts(), num_callers=self._num_callers)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._callers.cancel()
        await asyncio.gather(self._callers, return_exceptions=True)

    async def wait(self, seconds: float) -> None:
        """Lets the callers ask.

        Raises:
            Exception: what `ask` raised, at its first failure.
        """
        done, _ = await asyncio.wait([self._callers], timeout=seconds)
        for callers in done:
            callers.result()

    async def drain(self, timeout_s: float) -> None:
        """Lets the callers get their last answers, and ask no more.

        Raises:
            Exception: what `ask` raised.
            TimeoutError: the last answers did not come.
        """
        self._is_over = True
        await self.wait(timeout_s)
        if not self._callers.done():
            raise TimeoutError(f"the last answers did not come within {timeout_s:g} s")

    def _give_texts(self) -> Iterator[str]:
        for text in cycle(self._texts):
            if self._is_over:
                return
            yield text

    async def _time(self, text: str) -> None:
        start_s = perf_counter()
        await self._ask(text)
        self.latencies_s.append(perf_counter() - start_s)
