"""Whether the generator itself is the limit of what it measures. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traffic.samples import Calls

# One Python process runs on one core; Locust warns from here on, too.
MAX_CPU_SHARE = 0.9
# Later than this in the median, latencies tell more of the generator than of the server.
MAX_LATE_S = 0.05
REMEDY = "start more workers on other cores or machines (--processes, or --master and --worker)"


@dataclass(frozen=True)
class GeneratorLoad:
    """How busy the processes are that make the load.

    Attributes:
        cpu_share: median processor time of the busiest process, in cores.
        num_processes: that make calls.
    """

    cpu_share: float
    num_processes: int


def find_lateness(calls: Calls) -> str | None:
    """Returns why these calls are not the load that was asked for; None where they are."""
    late_s = float(np.median(calls.late_s)) if len(calls.late_s) else 0.0
    if late_s <= MAX_LATE_S:
        return None
    return (
        f"the generator cannot send that rate: half of its calls began {1000 * late_s:.0f} ms late "
        f"or later, and {1000 * MAX_LATE_S:.0f} ms are the limit; ask for less, or {REMEDY}"
    )


def find_saturation(load: GeneratorLoad) -> str | None:
    """Returns why the figures may be the generator's limit; None where they are the server's."""
    if load.cpu_share <= MAX_CPU_SHARE:
        return None
    return (
        f"the generator was at its limit: its busiest process used {load.cpu_share:.0%} of a core, "
        f"so the server may do better than this; {REMEDY}"
    )
