"""Waits that Ctrl-C ends."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Lock
from typing import TypeVar

T = TypeVar("T")
STEP_S = 0.1


def wait_for(future: Future[T]) -> T:
    """Returns the result of a future, or raises its error; a signal ends the wait.

    `Future.result` waits on when a signal comes just before it: Python has noted the signal, and
    runs its handler only when the wait is over. So this waits in short steps.
    """
    gate = Lock()
    gate.acquire()
    future.add_done_callback(lambda _: gate.release())  # also if it is cancelled
    while not gate.acquire(timeout=STEP_S):
        pass
    return future.result()
