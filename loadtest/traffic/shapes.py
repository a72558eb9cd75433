"""How the number of users (in an open loop: the rate) moves over a run. No I/O."""

from __future__ import annotations

from collections.abc import Callable

NUM_STEPS = 5
SPIKE_START, SPIKE_END, SPIKE_BASE = 0.4, 0.6, 0.2
SOAK_RAMP = 0.05


def ramp(elapsed: float) -> float:
    """From nothing to the peak, evenly."""
    return elapsed


def steps(elapsed: float) -> float:
    """Five equal steps up to the peak."""
    return (int(elapsed * NUM_STEPS) + 1) / NUM_STEPS


def spike(elapsed: float) -> float:
    """A fifth of the peak, and the peak itself for the fifth of the run in its middle."""
    return 1.0 if SPIKE_START <= elapsed < SPIKE_END else SPIKE_BASE


def soak(elapsed: float) -> float:
    """Up to the peak within a twentieth of the run, and there to its end."""
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
