"""The search for the highest rate that a server holds. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Shares of what the server does at most, tried first: they draw the curve before its knee.
FIRST_SHARES = (0.25, 0.5, 0.75, 0.9)
MIN_DONE_SHARE = 0.95
MAX_ERROR_SHARE = 0.001
LOWEST_SHARE = 0.02


@dataclass(frozen=True)
class Step:
    """What was measured at one rate.

    Attributes:
        rate: calls a second that were asked for, at Poisson arrivals.
        due_per_s: calls that were due a second.
        done_per_s: calls that were answered a second.
        p50_ms: median latency; infinite where nothing was answered, as the others.
        p95_ms: 95th percentile.
        p99_ms: 99th percentile.
        error_share: share of the calls that failed, 0 to 1.
        problem: why the step says nothing of the server; None where it does.
    """

    rate: float
    due_per_s: float
    done_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    error_share: float
    problem: str | None = None

    def holds(self, *, max_p99_ms: float) -> bool:
        """Tells whether the server held this rate: in time, without errors, without a backlog."""
        return (
            self.problem is None
            and self.p99_ms <= max_p99_ms
            and self.error_share <= MAX_ERROR_SHARE
            and self.done_per_s >= MIN_DONE_SHARE * self.due_per_s
        )


def choose_rate(
    steps: Sequence[Step], *, most_per_s: float, max_p99_ms: float, precision: float
) -> float | None:
    """Returns the rate to try next; None where the search is over.

    Up to the first rate that does not hold it goes by shares of `most_per_s`, then it bisects.
    While every rate holds it is never over: that is for the caller to end.

    Args:
        steps: those that were measured.
        most_per_s: calls a second that the server did in a closed loop with many callers.
        max_p99_ms: limit.
        precision: how close the answer must be, as a share of it.
    """
    held = find_held(steps, max_p99_ms=max_p99_ms)
    low = held.rate if held else 0.0
    failed = [step.rate for step in steps if not step.holds(max_p99_ms=max_p99_ms)]
    if not failed:
        untried = [share * most_per_s for share in FIRST_SHARES if share * most_per_s > low * 1.001]
        return untried[0] if untried else low * 1.1
    high = min(failed)
    is_over = high - low <= precision * low if held else high <= LOWEST_SHARE * most_per_s
    return None if is_over else (low + high) / 2


def find_held(steps: Sequence[Step], *, max_p99_ms: float) -> Step | None:
    """Returns the highest step that held below the lowest that did not; None where none did."""
    failed = [step.rate for step in steps if not step.holds(max_p99_ms=max_p99_ms)]
    held = [step for step in steps if step.holds(max_p99_ms=max_p99_ms)]
    below = [step for step in held if step.rate < min(failed, default=float("inf"))]
    return max(below, key=lambda step: step.rate, default=None)
