"""A model of one server: requests that wait, and batches of them that take turns. No I/O.

While a batch computes, the next one collects: all that wait, up to a limit. A request that would
wait too long is refused on arrival, as the door does.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ServiceTime:
    """How long a server takes.

    The defaults are those of a server with two cores and no GPU: the engine takes 1.5 ms for a
    batch besides its texts (docs/performance.md), and 64 callers get 345 texts a second
    (docs/capacity.md).

    Attributes:
        fixed_s: of each batch.
        row_s: of each request in it.
        max_rows: most requests in a batch.
        max_wait_s: beyond it, a request is refused.
        ahead_s: work that the door gives to Triton in advance; it does not count as waiting.
    """

    fixed_s: float = 0.0015
    row_s: float = 0.002875
    max_rows: int = 64
    max_wait_s: float = 2.0
    ahead_s: float = 0.5

    @classmethod
    def of_rate(cls, max_rate: float) -> ServiceTime:
        """Returns that of a server that answers so many requests a second in full batches."""
        known = cls()
        return replace(known, row_s=1 / max_rate - known.fixed_s / known.max_rows)

    @property
    def max_rate(self) -> float:
        """Requests a second, in full batches."""
        return self.max_rows / (self.fixed_s + self.row_s * self.max_rows)


@dataclass(frozen=True)
class Work:
    """What a server did in a period.

    Attributes:
        latency_s: (num_answered,) float64, of the requests whose batch began in it.
        num_refused: requests.
        busy_s: seconds that its batches took.
        num_waiting: requests at the door at its end.
    """

    latency_s: NDArray[np.float64]
    num_refused: int
    busy_s: float
    num_waiting: int


@dataclass
class Replica:
    """One server.

    Attributes:
        time: how long it takes.
        ready_s: when it gets its first requests.
    """

    time: ServiceTime
    ready_s: float = 0.0
    _queue: list[float] = field(default_factory=list, init=False, repr=False)
    _free_s: float = field(default=0.0, init=False, repr=False)

    def run(self, arrivals: list[float], *, until_s: float) -> Work:
        """Serves up to a moment.

        Args:
            arrivals: when requests come, ascending, after those of the last call and before
                `until_s`.
            until_s: batches that would begin later wait for the next call.
        """
        queue, time = self._queue, self.time
        queue += arrivals
        max_waiting = int(time.max_wait_s * time.max_rate)
        ends, sizes, head, num_refused, busy_s = [], [], 0, 0, 0.0
        while head < len(queue):
            start_s = max(self._free_s, queue[head])
            if start_s >= until_s:
                break
            tail = bisect_right(queue, start_s, head)
            if tail - head > max_waiting:  # the last ones came when it was full
                num_refused += tail - head - max_waiting
                del queue[head + max_waiting : tail]
                tail = head + max_waiting
            num_rows = min(tail - head, time.max_rows)
            self._free_s = start_s + time.fixed_s + time.row_s * num_rows
            busy_s += self._free_s - start_s
            ends.append(self._free_s)
            sizes.append(num_rows)
            head += num_rows
        latency_s = np.repeat(np.array(ends), sizes) - np.array(queue[:head])
        del queue[:head]
        num_waiting = max(0, len(queue) - round(time.ahead_s * time.max_rate))
        return Work(latency_s, num_refused, busy_s, num_waiting)
