"""How many retries a client may send. Without a limit they would add load to a struggling service.

See "Addressing cascading failures" in Beyer et al., "Site Reliability Engineering", O'Reilly 2016.
"""

from __future__ import annotations

from time import monotonic

# A burst of 100, then one per second and one per five successful calls.
MAX_RETRIES, RETRIES_PER_S, RETRIES_PER_SUCCESS = 100.0, 1.0, 0.2


class RetryBudget:
    """The retries that all calls of a client share. Not thread-safe: `Pool` has the lock."""

    def __init__(self) -> None:
        self._num_left, self._refilled_at = MAX_RETRIES, monotonic()

    def take(self) -> bool:
        """Takes one retry; returns False if there is none left."""
        now = monotonic()
        self._add((now - self._refilled_at) * RETRIES_PER_S)
        self._refilled_at = now
        if self._num_left < 1:
            return False
        self._num_left -= 1
        return True

    def add_for_success(self) -> None:
        """Adds what a successful call is worth."""
        self._add(RETRIES_PER_SUCCESS)

    def _add(self, num_retries: float) -> None:
        self._num_left = min(MAX_RETRIES, self._num_left + num_retries)
