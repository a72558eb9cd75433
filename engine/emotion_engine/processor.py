"""What this machine's processor can do, and how many of its cores are ours."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
OWN_CGROUP, CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
CPUS = Path("/sys/devices/system/cpu")


@cache
def read_flags() -> frozenset[str]:
    """Returns what the processor can do, in Linux's words, such as "avx512f"."""
    try:
        lines = CPUINFO.read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


def count_cores() -> int:
    """Returns how many cores this process may use.

    That is the cores of its affinity mask, two threads of a core counted once, but not more than
    the CPU quota of its control group (cgroup v2), rounded down: a thread beyond the quota makes
    the others wait for it.
    """
    try:
        cpus = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return os.cpu_count() or 1
    cores = {_read(CPUS / f"cpu{cpu}" / "topology" / "thread_siblings") or str(cpu) for cpu in cpus}
    return max(1, int(min(len(cores), _read_quota())))


def choose_num_threads(wanted: int) -> int:
    """Returns how many threads to compute with: at most one for each core that is ours.

    Args:
        wanted: how many to use at most; 0 is as many as possible.
    """
    num_cores = count_cores()
    return min(wanted or num_cores, num_cores)


def _read_quota() -> float:
    """Returns the least quota of our control group and of those around it, in CPUs."""
    found = float("inf")
    path = next((x[3:] for x in _read(OWN_CGROUP).splitlines() if x.startswith("0::")), "/")
    group = CGROUPS / path.lstrip("/")
    for folder in (group, *group.parents):
        if not folder.is_relative_to(CGROUPS):
            break
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdigit():
            found = min(found, int(quota) / int(period))
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
