"""The machine that is measured on."""

from __future__ import annotations

import os
from pathlib import Path


def find_processor() -> str:
    """Returns the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def describe_machine() -> str:
    """Returns one line on the machine."""
    return f"{find_processor()}, {os.cpu_count()} cores"
