"""A finished run: what was asked, what was measured, and whether its verdict can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotion_loadtest.figure import Figure, is_all_met
from emotion_loadtest.measurements import (
    MIN_MEASURED_S,
    CallerFigures,
    Look,
    Poll,
    Second,
    ServerFigures,
    Window,
    is_within,
    measure_callers,
    measure_looks,
    measure_seconds,
    measure_server,
)
from emotion_loadtest.samples import Calls
from emotion_loadtest.targets import Targets, judge

MAX_CLOCK_S = 1.0
# One Python process runs on one core; Locust warns from here on, too.
MAX_CPU_SHARE = 0.9
# Above this in the median, latencies tell more of the generator than of the server.
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


@dataclass(frozen=True)
class Run:
    """A finished run. The names are those of report.json.

    Attributes:
        loss: why calls are missing from the figures; None where none are.
        lateness: why the load was not the one that was asked for; None where it was.
        saturation: why the server may do better than this; None where the limit is not the
            generator's.
        targets: each with what was measured.
        callers: what the callers saw.
        server: what Triton counted; None where it could not be asked.
        generator: how busy the generator was.
        warm_up_s: seconds at the start that count for the plots only.
        facts: name to value: what was run, on what, against what.
        seconds: the whole run, warm-up included.
        looks: at Triton's counters.
    """

    loss: str | None
    lateness: str | None
    saturation: str | None
    targets: list[Figure]
    callers: CallerFigures
    server: ServerFigures | None
    generator: GeneratorLoad
    warm_up_s: float
    facts: dict[str, str]
    seconds: list[Second]
    looks: list[Look]

    @property
    def is_met(self) -> bool:
        """Whether every target is."""
        return is_all_met(self.targets)

    @property
    def problem(self) -> str | None:
        """Why the verdict must not be believed; None where it may.

        A saturated generator makes a server look worse, never better: it cannot spoil a pass.
        """
        return self.loss or self.lateness or (None if self.is_met else self.saturation)


def conclude(
    calls: Calls,
    *,
    start_s: float,
    end_s: float,
    warm_up_s: float,
    polls: Sequence[Poll],
    generator: GeneratorLoad,
    targets: Targets,
    facts: dict[str, str],
    loss: str | None = None,
) -> Run:
    """Measures and judges a run.

    Args:
        calls: all of it.
        start_s: when it began, Unix time.
        end_s: when the last call could begin.
        warm_up_s: seconds that do not count; a run that ends too soon after them counts whole.
        polls: of Triton's counters, in the order of time.
        generator: how busy it was.
        targets: what must be shown.
        facts: for the report.
        loss: why calls are missing; None where none are known to be.
    """
    if end_s - start_s < warm_up_s + MIN_MEASURED_S / 2:  # Locust may end a moment early
        warm_up_s = 0.0
    window = Window(start_s + warm_up_s, max(end_s, start_s + warm_up_s + 1e-3))
    callers = measure_callers(calls, window=window)
    server = measure_server(polls, calls=calls, window=window)
    return Run(
        loss=loss or find_loss(calls, start_s=start_s, end_s=end_s) or find_gap(callers),
        lateness=find_lateness(calls.choose(is_within(calls.due_s, window))),
        saturation=find_saturation(generator),
        targets=judge(targets, callers=callers, server=server),
        callers=callers,
        server=server,
        generator=generator,
        warm_up_s=warm_up_s,
        facts=facts,
        seconds=measure_seconds(calls, start_s=start_s, end_s=end_s),
        looks=measure_looks(polls, start_s=start_s),
    )


def find_loss(calls: Calls, *, start_s: float, end_s: float) -> str | None:
    """Returns why these calls are not those of the run; None where they are."""
    if not len(calls.due_s):
        return "no call was made"
    is_outside = (calls.due_s < start_s - MAX_CLOCK_S) | (calls.due_s > end_s + MAX_CLOCK_S)
    if not is_outside.any():
        return None
    return (
        f"{int(is_outside.sum()):,} calls were due outside the run: the clocks of the workers' "
        f"machines differ by more than {MAX_CLOCK_S:g} s; set them (NTP)"
    )


def find_gap(callers: CallerFigures) -> str | None:
    """Returns why there is nothing to judge; None where there is."""
    return None if callers.num_calls else "no call was due after the warm-up"


def find_lateness(calls: Calls) -> str | None:
    """Returns why these calls are not the load that was asked for; None where they are."""
    late_s = float(np.median(calls.late_s)) if len(calls.late_s) else 0.0
    if late_s <= MAX_LATE_S:
        return None
    return (
        f"the generator cannot send that rate: half of its calls began {1000 * late_s:.0f} ms late "
        f"or later (limit {1000 * MAX_LATE_S:.0f} ms); ask for less, or {REMEDY}"
    )


def find_saturation(load: GeneratorLoad) -> str | None:
    """Returns why the figures may be the generator's limit; None where they are the server's."""
    if load.cpu_share <= MAX_CPU_SHARE:
        return None
    return (
        f"the generator was at its limit: its busiest process used {load.cpu_share:.0%} of a core, "
        f"so the server may do better than this; {REMEDY}"
    )
