"""A load of so many callers, each of which asks again as soon as it has its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import perf_counter, process_time

from comparison.answer import Answer

Ask = Callable[[str], Awaitable[Answer]]


@dataclass(frozen=True)
class Load:
    """What happened in a stretch of a steady load.

    Attributes:
        wall_s: how long it was.
        latencies_s: of every answer that came in it.
        server_cpu_s: processor seconds of the server.
        caller_cpu_s: processor seconds of this process, which calls.
        machine_cpu_s: processor seconds of everything on the machine, those of others included.
    """

    wall_s: float
    latencies_s: tuple[float, ...]
    server_cpu_s: float
    caller_cpu_s: float
    machine_cpu_s: float


class ClosedLoop:
    """Callers that go on until they are stopped.

    Args:
        ask: asks the server.
        texts: what is asked, in this order, from the start again at the end.
        num_callers: that ask at the same time.
    """

    def __init__(self, ask: Ask, *, texts: Sequence[str], num_callers: int) -> None:
        self._ask, self._num_callers = ask, num_callers
        self._texts = cycle(texts)
        self._latencies_s: list[float] = []
        self._is_over = False

    async def run(
        self,
        *,
        warm_up_s: float,
        seconds: float,
        measure_cpu_s: Callable[[], float],
        measure_machine_cpu_s: Callable[[], float],
        drain_s: float,
    ) -> Load:
        """Runs the load; the callers do not pause between warm-up and measurement.

        Args:
            warm_up_s: seconds before the measurement.
            seconds: of the measurement.
            measure_cpu_s: tells the processor seconds that the server has used so far.
            measure_machine_cpu_s: tells those of everything on the machine.
            drain_s: seconds within which the last answers come.

        Raises:
            Exception: what `ask` raised, at the first failure.
            TimeoutError: the last answers did not come.
        """
        callers = [asyncio.create_task(self._call()) for _ in range(self._num_callers)]
        try:
            await _watch(callers, seconds=warm_up_s)
            self._latencies_s.clear()
            start_s, cpu_s, own_cpu_s = perf_counter(), measure_cpu_s(), process_time()
            machine_cpu_s = measure_machine_cpu_s()
            await _watch(callers, seconds=seconds)
            latencies_s = tuple(self._latencies_s)
            load = Load(
                wall_s=perf_counter() - start_s,
                latencies_s=latencies_s,
                server_cpu_s=measure_cpu_s() - cpu_s,
                caller_cpu_s=process_time() - own_cpu_s,
                machine_cpu_s=measure_machine_cpu_s() - machine_cpu_s,
            )
            self._is_over = True
            await _drain(callers, seconds=drain_s)
            return load
        finally:
            await _stop(callers)

    async def _call(self) -> None:
        while not self._is_over:
            text = next(self._texts)
            start_s = perf_counter()
            await self._ask(text)
            self._latencies_s.append(perf_counter() - start_s)


async def _watch(callers: Sequence[asyncio.Task[None]], *, seconds: float) -> None:
    done, _ = await asyncio.wait(callers, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for caller in done:
        caller.result()  # raises; a caller that goes on for ever is done only when it failed


async def _drain(callers: Sequence[asyncio.Task[None]], *, seconds: float) -> None:
    done, waiting = await asyncio.wait(callers, timeout=seconds)
    if waiting:
        raise TimeoutError(f"{len(waiting)} last answers did not come within {seconds:g} s")
    for caller in done:
        caller.result()


async def _stop(callers: Sequence[asyncio.Task[None]]) -> None:
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    for caller in callers:
        if not caller.cancelled():
            caller.exception()  # the first failure was raised; asyncio would print the others
