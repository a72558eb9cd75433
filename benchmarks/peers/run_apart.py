"""Runs preparations in a process of their own, so that what they load stays out of the server."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any


def run_apart(work: Callable[..., None], *args: Any, **options: Any) -> None:
    """Calls a function of a module in a new process, and waits.

    Raises:
        RuntimeError: it failed; its own message is on standard error.
    """
    process = multiprocessing.get_context("spawn").Process(target=work, args=args, kwargs=options)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"{work.__module__}.{work.__name__} ended with code {process.exitcode}")
