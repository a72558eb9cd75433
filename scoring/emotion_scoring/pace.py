"""Says in lines how far a job is, where no bar can be shown: in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from emotion_command.terminal import is_terminal

EVERY_S = 60.0


class Pace:
    """Prints a line each minute, unless there is a terminal, which has a bar.

    Args:
        num_rows: of the whole job.
        num_done: of an earlier run.
        say: prints a line.
        now: returns seconds.
    """

    def __init__(
        self,
        num_rows: int,
        *,
        num_done: int,
        say: Callable[[str], object],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._num_rows, self._num_before, self._num_done = num_rows, num_done, num_done
        self._say, self._now = say, now
        self._start = self._said_at = now()
        self._is_shown = not is_terminal(sys.stderr)

    def advance(self, num_rows: int) -> None:
        """Counts rows; prints a line if it is time."""
        self._num_done += num_rows
        now = self._now()
        if self._is_shown and now - self._said_at >= EVERY_S:
            self._said_at = now
            self._say(self._describe(now - self._start))

    def _describe(self, seconds: float) -> str:
        rate = max(self._num_done - self._num_before, 1) / seconds
        left = timedelta(seconds=round((self._num_rows - self._num_done) / rate))
        rows = f"{self._num_done:,} of {self._num_rows:,} rows"
        return f"{rows}, {rate:,.0f} per second, {left} left"
