"""Measures engines side by side: all are loaded, and one at a time computes, in turn.

The speed of a machine may change within minutes. Engines that take turns of a second see the same
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotion_benchmarks.comparison.peers import noted
from emotion_benchmarks.engines.contenders import Contender
from emotion_benchmarks.engines.job import EngineJob
from emotion_benchmarks.engines.result import (
    EngineComparison,
    EngineOutcome,
    EngineTimes,
    Times,
)
from emotion_benchmarks.engines.running_engine import RunningEngine, Tuned, run_engine
from emotion_benchmarks.rounds import rotate


@dataclass(frozen=True)
class Plan:
    """How engines are measured.

    Attributes:
        num_rounds: turns of each engine on each workload.
        seconds: of a turn, at least.
        num_threads: of each engine.
    """

    num_rounds: int
    seconds: float
    num_threads: int


@dataclass(frozen=True)
class Bench:
    """The engines that still work, and those that do not.

    Attributes:
        plan: how they are measured.
        report: gets lines of progress.
        check: called between turns; raises if a Ctrl-C was discarded.
        errors: why an engine is not measured any more, by its key.
    """

    plan: Plan
    report: Callable[[str], None]
    check: Callable[[], None]
    errors: dict[str, str] = field(default_factory=dict)

    def measure(
        self, contenders: Sequence[Contender], *, job: EngineJob
    ) -> Iterator[tuple[str, dict[Contender, EngineTimes]]]:
        """Loads the engines with a model; yields the times of each workload."""
        with ExitStack() as stack:
            running = {}
            for contender in self._list_working(contenders):
                self.report(f"{job.model}: loading {contender}")
                with self._noted(contender):
                    running[contender] = stack.enter_context(
                        run_engine(contender, job=job, num_threads=self.plan.num_threads)
                    )
            for workload in job.workloads:
                yield workload, self._measure_workload(running, job=job, workload=workload)

    def _measure_workload(
        self, running: Mapping[Contender, RunningEngine], *, job: EngineJob, workload: str
    ) -> dict[Contender, EngineTimes]:
        tuned: dict[Contender, Tuned] = {}
        for contender in self._list_working(running):
            self.report(f"{job.model}, {workload}: {contender} looks for its fastest setting")
            with self._noted(contender):
                tuned[contender] = running[contender].tune(job.workloads[workload])
        calls_s: dict[Contender, list[float]] = {each: [] for each in tuned}
        for i in range(self.plan.num_rounds):
            self.report(f"{job.model}, {workload}: round {i + 1} of {self.plan.num_rounds}")
            for contender in self._list_working(rotate(list(running), round_number=i)):
                with self._noted(contender):
                    calls_s[contender].append(running[contender].time(self.plan.seconds))
        return {
            each: summarize(tuned[each], wanted=job.wanted[workload], calls_s=calls_s[each])
            for each in self._list_working(tuned)
        }

    def _list_working(self, contenders: Iterable[Contender]) -> Iterator[Contender]:
        """Yields those that have not failed by the time that it is their turn."""
        return (each for each in contenders if each.key not in self.errors)

    def _noted(self, contender: Contender) -> AbstractContextManager[None]:
        self.check()
        return noted(contender.key, name=str(contender), errors=self.errors, report=self.report)


def measure(
    contenders: Sequence[Contender], *, jobs: Sequence[EngineJob], bench: Bench
) -> EngineComparison:
    """Measures every engine on every model, until it fails."""
    times: dict[Contender, Times] = {each: {job.model: {} for job in jobs} for each in contenders}
    for job in jobs:
        for workload, found in bench.measure(contenders, job=job):
            for contender, each in found.items():
                times[contender][job.model][workload] = each
    return EngineComparison(
        [EngineOutcome(each, times[each], bench.errors.get(each.key)) for each in contenders]
    )


def summarize(
    tuned: Tuned, *, wanted: NDArray[np.float32], calls_s: Sequence[float]
) -> EngineTimes:
    """Compares the answers of an engine, (num_rows, num_labels), with the right ones."""
    given = tuned.probabilities.argmax(axis=1, keepdims=True)
    own, right = (np.take_along_axis(each, given, 1) for each in (tuned.probabilities, wanted))
    return EngineTimes(
        num_rows=len(given),
        calls_s=tuple(calls_s),
        max_error=float(np.abs(own - right).max()),
        num_wrong=int((given[:, 0] != wanted.argmax(axis=1)).sum()),
        setting=tuned.setting,
    )
