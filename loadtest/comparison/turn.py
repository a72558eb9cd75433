"""One server's turn: it starts, its answers are checked, it is measured, it stops."""

from __future__ import annotations

import asyncio
from pathlib import Path

from comparison.answer import count_wrong
from comparison.callers import open_caller, wait_until_ready
from comparison.closed_loop import Ask, ClosedLoop
from comparison.figures import Lap
from comparison.job import NUM_CHECKED, Job
from comparison.peer import Peer
from comparison.peer_error import PeerError
from comparison.process_cost import measure_cpu_s, measure_memory_bytes
from comparison.server_process import ServerProcess

NUM_CALLERS = 64
START_TIMEOUT_S = 180.0
DRAIN_S = 60.0


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
        loop = ClosedLoop(ask, texts=job.texts, num_callers=NUM_CALLERS)
        load = await loop.run(
            warm_up_s=job.warm_up_s,
            seconds=job.seconds,
            measure_cpu_s=lambda: measure_cpu_s(server.pid),
            drain_s=DRAIN_S,
        )
        if not load.latencies_s:
            raise PeerError(f"no answer came within {job.seconds:g} s under load")
        return Lap(load, measure_memory_bytes(server.pid), num_wrong)


async def check_answers(ask: Ask, *, job: Job) -> int:
    """Asks for many texts at once; returns how many answers are not the model's."""
    answers = await asyncio.gather(*(ask(text) for text in job.texts[:NUM_CHECKED]))
    return count_wrong(answers, probabilities=job.probabilities, labels=job.labels)
