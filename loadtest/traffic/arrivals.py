"""When calls are due in an open loop.

One stream has Poisson arrivals; the streams of many users together are again Poisson arrivals, at
the sum of their rates (superposition: Kingman, Poisson Processes, 1993). So a user is a unit of
rate, and all that Locust does with users it does with the rate: `-u 200` is 200 calls a second.
"""

from __future__ import annotations

import random

# More make a run's start slow and its end no better.
MAX_STREAMS = 200


def divide(rate_per_s: float) -> tuple[int, float]:
    """Returns how many users make a rate, and how many calls a second each of them stands for."""
    num_users = min(MAX_STREAMS, max(1, round(rate_per_s)))
    return num_users, rate_per_s / num_users


class Arrivals:
    """The due times of one stream.

    Args:
        rate_per_s: calls a second in the mean, above 0.
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
