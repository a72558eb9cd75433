"""The memory of the servers that a test has started."""

import psutil


def measure_memory():
    """Returns the private MiB of all processes that this one started."""
    found = 0
    for process in psutil.Process().children(recursive=True):
        try:
            found += process.memory_full_info().uss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found / 2**20
