"""The device that an engine runs on."""

from __future__ import annotations

from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/version")


def find_device() -> str:
    """Returns "cuda:0" if there is a GPU that torch can use, else "cpu"."""
    if not DRIVER.exists():  # torch takes seconds and hundreds of MB to import
        return "cpu"
    import torch

    return "cuda:0" if torch.cuda.is_available() else "cpu"
