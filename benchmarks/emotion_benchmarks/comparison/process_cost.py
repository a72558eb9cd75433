"""The cost of a process and its descendants: processor seconds and memory."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import psutil


def measure_cpu_s(pid: int) -> float:
    """Returns the processor seconds of a process tree, including children that have ended."""
    return _sum(pid, lambda process: sum(process.cpu_times()[:4]))


def measure_memory_bytes(pid: int) -> int:
    """Returns the memory of a process tree as PSS.

    That is the proportional set size: a page that several processes share is divided among them,
    so libraries and forked weights are not counted for each worker.
    """
    return int(_sum(pid, lambda process: process.memory_full_info().pss))


def measure_machine_cpu_s() -> float:
    """Returns the processor seconds of the whole machine, including those a hypervisor stole."""
    times = psutil.cpu_times()
    busy_s = times.user + times.nice + times.system + times.irq + times.softirq + times.steal
    return float(busy_s)


def list_tree(pid: int) -> list[psutil.Process]:
    """Returns a process and its descendants; none if it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _sum(pid: int, measure: Callable[[psutil.Process], float]) -> float:
    total = 0.0
    for process in list_tree(pid):
        with suppress(psutil.NoSuchProcess):  # just ended, or a zombie without memory
            total += measure(process)
    return total
