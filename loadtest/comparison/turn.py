"""One server's turn: it starts, its answers are checked, it is measured, it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from comparison.answer import count_wrong
from comparison.callers import open_caller, wait_until_ready
from comparison.closed_loop import Ask, ClosedLoop, Load
from comparison.figures import MAX_OTHERS_CPU, Lap, measure_others
from comparison.job import NUM_CHECKED, Job
from comparison.peer import Peer
from comparison.peer_error import PeerError
from comparison.process_cost import (
    measure_cpu_s,
    measure_machine_cpu_s,
    measure_memory_bytes,
)
from comparison.server_process import ServerProcess

NUM_CALLERS = 64
START_TIMEOUT_S = 180.0
DRAIN_S = 60.0
# Measurements of one turn, where other processes disturb them; the least disturbed one counts.
MAX_TRIES = 3


def run_lap(peer: Peer, *, python: Path, job: Job) -> Lap:
    """Starts a server, checks and measures it, and stops it.

    Raises:
        PeerError: it cannot be started, or does not answer.
        TimeoutError: the last answers did not come.
    """
    with ServerProcess(
        peer,
        python=python,
        repository=job.repository,
        dtype=job.dtype,
        num_workers=job.num_workers,
    ) as server:
        return asyncio.run(measure(peer, server=server, job=job))


async def measure(peer: Peer, *, server: ServerProcess, job: Job) -> Lap:
    """Checks and measures a server that is starting."""
    async with open_caller(peer, server=server) as ask:
        await wait_until_ready(ask, text=job.texts[0], server=server, timeout_s=START_TIMEOUT_S)
        num_wrong = await check_answers(ask, job=job)
        loads: list[Load] = []
        while not is_settled(loads):
            loads.append(await run_load(ask, server=server, job=job))
        quietest = min(loads, key=measure_others)
        return Lap(quietest, measure_memory_bytes(server.pid), num_wrong)


def is_settled(loads: Sequence[Load]) -> bool:
    """Returns whether the last measurement was undisturbed, or no more are to be tried."""
    if not loads or len(loads) == MAX_TRIES:
        return bool(loads)
    return measure_others(loads[-1]) <= MAX_OTHERS_CPU


async def run_load(ask: Ask, *, server: ServerProcess, job: Job) -> Load:
    """Warms a server up and measures it.

    Raises:
        PeerError: it does not answer.
        TimeoutError: the last answers did not come.
    """
    load = await ClosedLoop(ask, texts=job.texts, num_callers=NUM_CALLERS).run(
        warm_up_s=job.warm_up_s,
        seconds=job.seconds,
        measure_cpu_s=lambda: measure_cpu_s(server.pid),
        measure_machine_cpu_s=measure_machine_cpu_s,
        drain_s=DRAIN_S,
    )
    if not load.latencies_s:
        raise PeerError(f"no answer came within {job.seconds:g} s under load")
    return load


async def check_answers(ask: Ask, *, job: Job) -> int:
    """Asks for many texts at once; returns how many answers are not the model's."""
    answers = await asyncio.gather(*(ask(text) for text in job.texts[:NUM_CHECKED]))
    return count_wrong(answers, probabilities=job.probabilities, labels=job.labels)
