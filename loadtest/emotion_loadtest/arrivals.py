"""When calls are due in an open loop, and how the number of users changes over a run. No I/O.

One stream has Poisson arrivals; the streams of many users together are again Poisson arrivals, at
the sum of their rates (superposition: Kingman, Poisson Processes, 1993). So a user is a unit of
rate, and all that Locust does with users it does with the rate: `-u 200` is 200 calls a second.
"""

from __future__ import annotations

import random
from collections.abc import Callable

# More make a run's start slow and its end no better.
MAX_STREAMS = 200
NUM_STEPS = 5
SPIKE_START, SPIKE_END, SPIKE_BASE = 0.4, 0.6, 0.2
SOAK_RAMP = 0.05


def divide(rate_per_s: float) -> tuple[int, float]:
    """Returns how many users make a rate, and how many calls a second each of them stands for."""
    num_users = min(MAX_STREAMS, max(1, round(rate_per_s)))
    return num_users, rate_per_s / num_users


class Arrivals:
    """The due times of one stream.

    Args:
        rate_per_s: calls a second on average, above 0.
        start_s: when it begins, on any clock.
        rng: the same one draws the same times.
    """

    def __init__(self, *, rate_per_s: float, start_s: float, rng: random.Random) -> None:
        self.rate_per_s = rate_per_s
        self.due_s = start_s
        self._rng = rng

    def advance(self) -> float:
        """Returns when the next call is due, however late it is by now."""
        self.due_s += self._rng.expovariate(self.rate_per_s)
        return self.due_s


def ramp(elapsed: float) -> float:
    """From nothing to the peak, evenly."""
    return elapsed


def steps(elapsed: float) -> float:
    """Five equal steps up to the peak."""
    return (int(elapsed * NUM_STEPS) + 1) / NUM_STEPS


def spike(elapsed: float) -> float:
    """A fifth of the peak, and the peak itself in the middle fifth of the run."""
    return 1.0 if SPIKE_START <= elapsed < SPIKE_END else SPIKE_BASE


def soak(elapsed: float) -> float:
    """Up to the peak within a twentieth of the run, then constant to its end."""
    return min(1.0, elapsed / SOAK_RAMP)


# Share of the run that is over, 0 to 1, to share of the peak, 0 to 1.
SHAPES: dict[str, Callable[[float], float]] = {
    shape.__name__: shape for shape in (ramp, steps, spike, soak)
}


def count_users(name: str, *, elapsed_s: float, run_time_s: float, peak: int) -> int | None:
    """Returns how many users there are at a moment; None when the run is over.

    Args:
        name: one of `SHAPES`.
        elapsed_s: seconds since the start.
        run_time_s: seconds of the whole run, above 0.
        peak: most users, at least 1.
    """
    if elapsed_s >= run_time_s:
        return None
    return max(1, round(peak * SHAPES[name](elapsed_s / run_time_s)))
