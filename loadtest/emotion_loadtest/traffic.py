"""The traffic of a day, as a rate over time. No I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass

DAY_S = 86_400.0
BUSIEST_S = 20 * 3600.0


@dataclass(frozen=True)
class Peak:
    """More requests than usual, for a while.

    Attributes:
        start_s: when it begins.
        rise_s: seconds until it is full, and until it is over.
        hold_s: seconds in between.
        rate: requests a second, besides the usual ones.
    """

    start_s: float
    rise_s: float
    hold_s: float
    rate: float

    def rate_at(self, now_s: float) -> float:
        """Returns its requests a second."""
        since_s = now_s - self.start_s
        left_s = 2 * self.rise_s + self.hold_s - since_s
        return self.rate * min(1.0, max(0.0, min(since_s, left_s) / self.rise_s))


@dataclass(frozen=True)
class Traffic:
    """A wave over the day, with its top at eight in the evening, and peaks on it.

    Attributes:
        low: requests a second at eight in the morning.
        high: in the evening.
        peaks: besides.
    """

    low: float
    high: float
    peaks: tuple[Peak, ...] = ()

    def rate_at(self, now_s: float) -> float:
        """Returns the requests a second, `now_s` after midnight."""
        phase = math.cos((now_s - BUSIEST_S) / DAY_S * 2 * math.pi)
        wave = self.low + (self.high - self.low) * (1 + phase) / 2
        return wave + sum(peak.rate_at(now_s) for peak in self.peaks)


DAY = Traffic(
    low=80.0,
    high=600.0,
    peaks=(
        Peak(start_s=9 * 3600, rise_s=300, hold_s=1800, rate=250),
        Peak(start_s=14 * 3600, rise_s=60, hold_s=1200, rate=500),
        Peak(start_s=21 * 3600, rise_s=15, hold_s=600, rate=1400),
    ),
)
"""A slow peak, a fast one, and a jump to three times the rate within 15 s."""
