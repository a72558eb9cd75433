"""What was measured of each engine, and what it says: figures, tables and JSON. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from emotion_loadtest.figure import Figure, Ratio, compare, format_figures, format_table

from emotion_benchmarks.comparison.job import MAX_ERROR
from emotion_benchmarks.engines.contenders import Contender


@dataclass(frozen=True)
class EngineTimes:
    """An engine on a workload.

    Attributes:
        num_rows: of a call.
        calls_s: seconds of a call, the median of each round.
        max_error: largest error in probability, of the label that it gives.
        num_wrong: rows that get another label than transformers in float32 give.
        setting: the lanes and batches that were fastest.
    """

    num_rows: int
    calls_s: tuple[float, ...]
    max_error: float
    num_wrong: int
    setting: str

    @property
    def rates(self) -> list[float]:
        """Rows per second of each round."""
        return [self.num_rows / call_s for call_s in self.calls_s]

    def __str__(self) -> str:
        return f"{median(self.rates):,.1f} ({self.max_error:.3f})"


Times = dict[str, dict[str, EngineTimes]]  # by model and workload


@dataclass(frozen=True)
class EngineOutcome:
    """What was measured of an engine.

    Attributes:
        contender: the engine.
        times: on each model and workload.
        error: why it was not measured to the end; None if it was.
    """

    contender: Contender
    times: Times
    error: str | None = None

    @property
    def max_error(self) -> float:
        """Largest error in probability over all models and workloads."""
        found = (each.max_error for model in self.times.values() for each in model.values())
        return max(found, default=1.0)

    @property
    def is_exact(self) -> bool:
        """Whether it is as accurate as ours must be, on all models.

        Random weights give nearly equal probabilities, so their errors are small; the trained
        model shows what an engine does to answers.
        """
        return self.error is None and self.max_error <= MAX_ERROR


@dataclass(frozen=True)
class EngineComparison:
    """What was measured of all engines.

    Attributes:
        outcomes: of each engine.
    """

    outcomes: Sequence[EngineOutcome]

    @property
    def measured(self) -> list[EngineOutcome]:
        """The engines that were measured to the end."""
        return [each for each in self.outcomes if each.error is None]

    @property
    def figures(self) -> list[Figure]:
        """The rate of each of ours / its best rival, for each model and workload."""
        return [
            figure
            for own in self.measured
            if own.contender.is_ours
            for figure in self._compare_own(own)
        ]

    def format(self) -> str:
        """Returns a table for each model, then the remarks and ratios."""
        tables = [
            f"{model}, rows/s (largest error in probability)\n"
            f"{self._format_model(model, workloads)}\n"
            for model, workloads in list_workloads(self.measured).items()
        ]
        remarks = [
            f"{each.contender}: not measured: {each.error}" for each in self.outcomes if each.error
        ]
        remarks += [
            f"{each.contender}: error {each.max_error:.3f}, above {MAX_ERROR}; not compared"
            for each in self.measured
            if not each.is_exact
        ]
        ratios = ["", format_figures(self.figures)] if self.figures else []
        return "\n".join([*tables, *remarks, *ratios])

    def build_document(self) -> dict[str, Any]:
        """Returns all figures for programs; units are in the names."""
        engines = {
            each.contender.key: {
                "name": str(each.contender),
                "error": each.error,
                "max_error": each.max_error if each.error is None else None,
                "models": {
                    model: {
                        workload: {**asdict(found), "rates_rows_per_s": found.rates}
                        for workload, found in workloads.items()
                    }
                    for model, workloads in each.times.items()
                },
            }
            for each in self.outcomes
        }
        return {"engines": engines, "ratios": self.figures}

    def _compare_own(self, own: EngineOutcome) -> Iterator[Figure]:
        for model, workloads in list_workloads(self.measured).items():
            for workload in workloads:
                found = self._find_best(own, model=model, workload=workload)
                if found is not None:
                    ratio, best = found
                    name = f"{model}, {workload}: {own.contender} / {best}"
                    yield ratio.judge(name, target=None)

    def _find_best(
        self, own: EngineOutcome, *, model: str, workload: str
    ) -> tuple[Ratio, Contender] | None:
        """Returns the smallest ratio of ours to another engine of equal accuracy."""
        own_rates = own.times[model][workload].rates
        pairs = [
            (compare(own_rates, each.times[model][workload].rates), each.contender)
            for each in self.measured
            if own.contender.is_rival(each.contender) and each.is_exact
        ]
        return min(pairs, key=lambda pair: pair[0].of_medians, default=None)

    def _format_model(self, model: str, workloads: Sequence[str]) -> str:
        rows = [["", *workloads]]
        for each in self.measured:
            found = [str(each.times[model][workload]) for workload in workloads]
            rows.append([str(each.contender), *found])
        return format_table(rows, align="<" + ">" * len(workloads))


def list_workloads(outcomes: Sequence[EngineOutcome]) -> dict[str, list[str]]:
    """Returns the names of the workloads of each model."""
    first = outcomes[0].times if outcomes else {}
    return {model: list(workloads) for model, workloads in first.items()}
