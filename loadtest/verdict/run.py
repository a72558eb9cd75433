"""One run of a load test as a whole: what was asked, what was measured, what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from traffic.generator import GeneratorLoad, find_lateness, find_saturation
from traffic.samples import Calls

from verdict.figures import Figures, Poll, ServerFigures, Window, is_within, measure, measure_server
from verdict.series import Look, Second, cut, follow
from verdict.targets import Judgement, Targets, judge

MAX_CLOCK_S = 1.0


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        facts: name to value: what was run, on what, against what.
        figures: what the callers saw.
        server: what Triton counted; None where it could not be asked.
        generator: how busy the generator was.
        judgements: on each target.
        loss: why calls are missing from the figures; None where none are.
        lateness: why the load was not the one that was asked for; None where it was.
        saturation: why the server may do better than this; None where the limit is not the
            generator's.
        seconds: the whole run, warm-up included.
        looks: at Triton's counters.
        warm_up_s: seconds at the start that count for nothing but the pictures.
    """

    facts: dict[str, str]
    figures: Figures
    server: ServerFigures | None
    generator: GeneratorLoad
    judgements: list[Judgement]
    loss: str | None
    lateness: str | None
    saturation: str | None
    seconds: list[Second]
    looks: list[Look]
    warm_up_s: float

    @property
    def is_met(self) -> bool:
        """Whether every target is."""
        return all(judgement.is_met for judgement in self.judgements)

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
        warm_up_s: seconds that do not count; a shorter run counts whole.
        polls: of Triton's counters, in the order of time.
        generator: how busy it was.
        targets: what is wanted.
        facts: for the report.
        loss: why calls are missing; None where none are known to be.
    """
    if warm_up_s >= end_s - start_s:
        warm_up_s = 0.0
    window = Window(start_s + warm_up_s, max(end_s, start_s + warm_up_s + 1e-3))
    figures = measure(calls, window=window)
    server = measure_server(polls, calls=calls, window=window)
    return Run(
        facts=facts,
        figures=figures,
        server=server,
        generator=generator,
        judgements=judge(targets, figures=figures, server=server),
        loss=loss or find_loss(calls, start_s=start_s, end_s=end_s),
        lateness=find_lateness(calls.choose(is_within(calls.due_s, window))),
        saturation=find_saturation(generator),
        seconds=cut(calls, start_s=start_s, end_s=end_s),
        looks=follow(polls, start_s=start_s),
        warm_up_s=warm_up_s,
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
