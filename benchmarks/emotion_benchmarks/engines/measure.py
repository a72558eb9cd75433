"""Measures engines in rounds, in which each has its turn alone."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from emotion_benchmarks.comparison.peers import PeerError, find_python
from emotion_benchmarks.engines.contenders import Contender
from emotion_benchmarks.engines.job import EngineJob
from emotion_benchmarks.engines.result import EngineComparison, EngineOutcome
from emotion_benchmarks.engines.turn import EngineLap, run_turn
from emotion_benchmarks.rounds import spread


@dataclass(frozen=True)
class Plan:
    """How engines are measured.

    Attributes:
        num_rounds: turns of each engine on each model.
        seconds: of each workload in a turn, at least.
        num_threads: of each engine.
    """

    num_rounds: int
    seconds: float
    num_threads: int


def measure(
    contenders: Sequence[Contender],
    *,
    jobs: Sequence[EngineJob],
    plan: Plan,
    report: Callable[[str], None],
    check: Callable[[], None],
) -> EngineComparison:
    """Gives every engine its turn on every model in every round, until it fails.

    Args:
        contenders: the engines.
        jobs: the models.
        plan: how long and how often.
        report: gets lines of progress.
        check: called between turns; raises if a Ctrl-C was discarded.
    """
    errors: dict[str, str] = {}
    laps: dict[str, dict[str, list[dict[str, EngineLap]]]] = {
        each.key: {job.model: [] for job in jobs} for each in contenders
    }
    for i, job in product(range(plan.num_rounds), jobs):
        for contender in spread(contenders, round_number=i, num_rounds=plan.num_rounds):
            check()
            if contender.key in errors:
                continue
            report(f"round {i + 1} of {plan.num_rounds}: {job.model}, {contender}")
            try:
                laps[contender.key][job.model].append(_run(contender, job=job, plan=plan))
            except PeerError as error:
                errors[contender.key] = str(error)
                report(f"{contender}: {error}")
    return EngineComparison(
        [EngineOutcome(each, laps[each.key], errors.get(each.key)) for each in contenders]
    )


def _run(contender: Contender, *, job: EngineJob, plan: Plan) -> dict[str, EngineLap]:
    python = find_python(contender.folder)
    with tempfile.TemporaryDirectory() as scratch:
        return run_turn(
            contender,
            python=python,
            job=job,
            seconds=plan.seconds,
            num_threads=plan.num_threads,
            scratch=Path(scratch),
        )
