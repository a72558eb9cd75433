"""Ctrl-C and SIGTERM. Neither is ever lost."""

from __future__ import annotations

import math
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
QUIET_S = 1.0


class Interruption:
    """Raises KeyboardInterrupt on Ctrl-C and on SIGTERM.

    Signals within `QUIET_S` of the last one raise nothing: they would cut its cleanup short.

    Python discards what a handler raises while an object is being deleted: it prints the error and
    continues. This does happen, because the garbage collector runs during long loops. Such loops
    call `check`.
    """

    def __init__(self) -> None:
        self.is_wanted = False
        self._raised_s = -math.inf

    def install(self) -> None:
        """Handles the signals, except those ignored from outside (nohup)."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.handle)

    def ignore(self) -> None:
        """Ignores the signals from now on."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def check(self) -> None:
        """Raises KeyboardInterrupt if a signal has arrived, even if Python discarded it."""
        if self.is_wanted:
            raise KeyboardInterrupt

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Handles a signal."""
        self.is_wanted = True
        if monotonic() - self._raised_s > QUIET_S and not _is_deleting(frame):
            self._raised_s = monotonic()
            raise KeyboardInterrupt


class HangUp:
    """SIGHUP: a wish to load anew, or the end of the terminal that the command runs in.

    Args:
        interruption: told of the end of the terminal.
    """

    def __init__(self, interruption: Interruption) -> None:
        self._interruption = interruption
        self._is_wanted = False
        self._had_terminal = _has_terminal()
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self._handle)

    def take(self) -> bool:
        """Returns whether the signal came since the last call."""
        is_wanted, self._is_wanted = self._is_wanted, False
        return is_wanted

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._had_terminal and not _has_terminal():
            self._interruption.handle(number, frame)
        self._is_wanted = True


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


@contextmanager
def hold_signals() -> Iterator[None]:
    """Ignores Ctrl-C and SIGTERM inside the block; has no effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets handlers only in the main thread
        return
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
