"""Ctrl-C and SIGTERM, of which none gets lost."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
QUIET_S = 1.0


class Interruption:
    """Makes KeyboardInterrupt of Ctrl-C and SIGTERM, wherever the program is.

    Several within `QUIET_S` make one: the second would cut short what cleans up after the first.

    Python forgets what a handler raises while an object is deleted: it prints the error and goes
    on. That happens, since the garbage collector runs in the midst of long loops, which therefore
    call `check`.
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._raised_s = -math.inf

    def install(self) -> None:
        """Takes over the signals; a Ctrl-C that is ignored from outside (nohup) stays so."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._handle)

    def ignore(self) -> None:
        """Lets no more of them through."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """Raises KeyboardInterrupt where one was lost."""
        if self.is_wanted:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.is_wanted = True
        if monotonic() - self._raised_s > QUIET_S and not _is_deleting(frame):
            self._raised_s = monotonic()
            raise KeyboardInterrupt


@contextmanager
def hold_signals() -> Iterator[None]:
    """Lets what is inside run to its end."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_deleting(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False
