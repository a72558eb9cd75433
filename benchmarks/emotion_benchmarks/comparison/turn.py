"""One server's turn: it starts, its answers are checked, it is measured, it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time

from emotion_benchmarks.callers import SteadyCallers
from emotion_benchmarks.comparison.asking import Ask, connect, wait_until_ready
from emotion_benchmarks.comparison.job import NUM_CHECKED, Check, Job
from emotion_benchmarks.comparison.peers import Peer, PeerError
from emotion_benchmarks.comparison.process_cost import (
    measure_cpu_s,
    measure_machine_cpu_s,
    measure_memory_bytes,
)
from emotion_benchmarks.comparison.result import MAX_OTHERS_CPU, ServerLap
from emotion_benchmarks.comparison.server_process import ServerProcess, run_server

NUM_CALLERS = 64
START_TIMEOUT_S = 180.0
DRAIN_S = 60.0
# Measurements of one turn if other processes disturb them; the least disturbed one counts.
MAX_TRIES = 3


def run_lap(peer: Peer, *, python: Path, job: Job) -> ServerLap:
    """Starts a server, checks and measures it, and stops it.

    Raises:
        PeerError: it cannot be started, or does not answer.
        TimeoutError: the last answers did not come.
    """
    with run_server(peer, python=python, job=job) as server:
        return asyncio.run(measure(peer, server=server, job=job))


async def measure(peer: Peer, *, server: ServerProcess, job: Job) -> ServerLap:
    """Checks and measures a server that is starting."""
    async with connect(peer, server=server) as ask:
        await wait_until_ready(ask, text=job.texts[0], server=server, timeout_s=START_TIMEOUT_S)
        checked = await check_answers(ask, job=job)
        laps: list[ServerLap] = []
        while not is_settled(laps):
            laps.append(await run_load(ask, pid=server.process.pid, job=job))
        quietest = min(laps, key=lambda lap: lap.others_cpu)
        memory_bytes = measure_memory_bytes(server.process.pid)
        return replace(quietest, memory_bytes=memory_bytes, **vars(checked))


def is_settled(laps: Sequence[ServerLap]) -> bool:
    """Returns whether the last measurement was undisturbed, or no more are to be tried."""
    if not laps or len(laps) == MAX_TRIES:
        return bool(laps)
    return laps[-1].others_cpu <= MAX_OTHERS_CPU


async def run_load(ask: Ask, *, pid: int, job: Job) -> ServerLap:
    """Warms a server up and measures it; the callers do not pause in between.

    Raises:
        PeerError: it does not answer.
        TimeoutError: the last answers did not come.
    """
    async with SteadyCallers(ask, texts=job.texts, num_callers=NUM_CALLERS) as callers:
        await callers.wait(job.warm_up_s)
        callers.latencies_s.clear()
        start_s, cpu_s, own_cpu_s = perf_counter(), measure_cpu_s(pid), process_time()
        machine_cpu_s = measure_machine_cpu_s()
        await callers.wait(job.seconds)
        latencies_s = tuple(callers.latencies_s)
        lap = ServerLap(
            num_texts=len(latencies_s),
            wall_s=perf_counter() - start_s,
            latencies_s=latencies_s,
            server_cpu_s=measure_cpu_s(pid) - cpu_s,
            caller_cpu_s=process_time() - own_cpu_s,
            machine_cpu_s=measure_machine_cpu_s() - machine_cpu_s,
        )
        await callers.drain(DRAIN_S)
    if not latencies_s:
        raise PeerError(f"no answer came within {job.seconds:g} s under load")
    return lap


async def check_answers(ask: Ask, *, job: Job) -> Check:
    """Asks for several texts at once, and compares the answers with the model's own."""
    return job.check(await asyncio.gather(*(ask(text) for text in job.texts[:NUM_CHECKED])))
