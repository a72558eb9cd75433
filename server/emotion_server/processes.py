"""Processes of this machine, as Linux shows them in /proc."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def die_with_us() -> list[str]:
    """Returns a prefix with which the kernel stops a command when this process is killed.

    Without setpriv (part of util-linux), `kill -9` of this process leaves the command running.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def find_children(pid: int) -> dict[int, str]:
    """Returns the command lines of a process's children, by their ids."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _read_stat(int(folder.name))
        if stat is not None and int(stat[1]) == pid:
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            found[int(folder.name)] = command.replace(b"\0", b" ").decode(errors="replace")
    return found


def is_alive(pid: int) -> bool:
    """Returns whether a process exists and has not ended."""
    stat = _read_stat(pid)
    return stat is not None and stat[0] not in "ZX"


def is_stopped(pid: int) -> bool:
    """Returns whether a signal has stopped a process (SIGSTOP)."""
    stat = _read_stat(pid)
    return stat is not None and stat[0] == "T"


def read_cpu_s(pid: int) -> float:
    """Returns the processor time of a process so far, in seconds; 0 if it is gone."""
    stat = _read_stat(pid)
    return 0.0 if stat is None else (int(stat[11]) + int(stat[12])) / TICKS_PER_S


def _read_stat(pid: int) -> list[str] | None:
    """Returns the fields of proc(5)'s stat after the name: state, parent and so on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rsplit(")", 1)[1].split()
