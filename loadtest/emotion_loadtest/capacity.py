"""The search for the highest rate of single texts that a server holds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion_command.errors import Refusal

from emotion_loadtest.locust_process import build_options, run_locust

NUM_CALLERS = 64
MIN_CALLS = 500  # the 99th percentile of fewer depends on fewer than five of them
MAX_STEP_S = 120
MAX_STEPS = 20
# Shares of what the server does at most, tried first: they draw the curve before its knee.
FIRST_SHARES = (0.25, 0.5, 0.75, 0.9)
MIN_DONE_SHARE = 0.95
MAX_ERROR_SHARE = 0.001
LOWEST_SHARE = 0.02


class CannotMeasure(Refusal):
    """The figures would not be the server's; the message says why and what to do."""


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


@dataclass(frozen=True)
class Capacity:
    """What a search found, and while it goes on, what it has found so far.

    Attributes:
        max_p99_ms: the limit.
        most_per_s: calls a second in a closed loop with many callers.
        steps: in the order in which they were measured.
        facts: name to value: what ran on what.
    """

    max_p99_ms: float
    most_per_s: float
    steps: list[Step]
    facts: Mapping[str, str]

    @property
    def lowest_failed(self) -> float:
        """The lowest rate that did not hold; infinite where all did."""
        failed = [step for step in self.steps if not step.holds(max_p99_ms=self.max_p99_ms)]
        return min((step.rate for step in failed), default=math.inf)

    @property
    def held(self) -> Step | None:
        """The highest step that held below the lowest that did not; None where none did."""
        below = [step for step in self.steps if step.rate < self.lowest_failed]
        return max(below, key=lambda step: step.rate, default=None)

    @property
    def by_rate(self) -> list[Step]:
        """The steps, the lowest rate first."""
        return sorted(self.steps, key=lambda step: step.rate)

    @property
    def sentence(self) -> str:
        """The answer."""
        if self.held is None:
            return f"no rate holds p99 under {self.max_p99_ms:g} ms"
        sentence = (
            f"holds {self.held.rate:,.1f} texts/s at Poisson arrivals with p99 "
            f"{self.held.p99_ms:,.0f} ms (limit {self.max_p99_ms:g} ms); at most "
            f"{self.most_per_s:,.1f} texts/s in a closed loop"
        )
        beyond = [step for step in self.by_rate if step.rate > self.held.rate]
        if beyond and beyond[0].problem:
            sentence += ". Just beyond it the generator was late as well: it may hold more"
        return sentence


@dataclass(frozen=True)
class Bench:
    """Runs one load after the other against a server, each in a Locust of its own.

    Attributes:
        url: its gRPC address.
        scratch: folder for the reports of the runs.
        seconds: of a run, at least.
        max_p99_ms: the limit that a rate must hold.
        options: more of Locust's.
        report: gets lines of progress.
    """

    url: str
    scratch: Path
    seconds: int
    max_p99_ms: float
    options: Sequence[str]
    report: Callable[[str], None]

    def measure_most(self) -> tuple[float, dict[str, str]]:
        """Returns the answers a second to many callers in a closed loop, and the facts.

        Raises:
            CannotMeasure: the server answers too little.
        """
        self.report(f"{NUM_CALLERS} callers in a closed loop")
        run = self._run(users=NUM_CALLERS, seconds=self.seconds)
        callers, facts = run["callers"], run["facts"]
        most_per_s = callers["texts_per_s"]
        if not most_per_s or callers["error_share"] > 0.5:
            raise CannotMeasure(f"{self.url} answers too little: {callers['failures']}")
        self.report(f"at most {most_per_s:,.1f} texts/s")
        return most_per_s, facts

    def measure(self, rate: float) -> Step:
        """Returns what the server does at a rate.

        Raises:
            CannotMeasure: the generator is the limit.
        """
        seconds = max(self.seconds, min(MAX_STEP_S, round(MIN_CALLS / rate)))
        self.report(f"{rate:,.1f} calls a second for {seconds} s")
        run = self._run(f"--max-p99-ms={self.max_p99_ms:g}", rate=rate, seconds=seconds)
        if run["saturation"] and run["problem"]:
            raise CannotMeasure(run["saturation"])
        callers = run["callers"]
        p50_ms, p95_ms, p99_ms = (
            math.inf if value is None else value
            for value in (callers["percentiles_ms"][name] for name in ("p50", "p95", "p99"))
        )
        return Step(
            rate=rate,
            due_per_s=callers["due_per_s"],
            done_per_s=callers["texts_per_s"],
            p50_ms=p50_ms,
            p95_ms=p95_ms,
            p99_ms=p99_ms,
            error_share=callers["error_share"],
            problem=run["problem"],
        )

    def _run(
        self, *options: str, users: int = 1, rate: float | None = None, seconds: int
    ) -> dict[str, Any]:
        file = self.scratch / "report.json"
        file.unlink(missing_ok=True)
        load = build_options(self.url, call="text", users=users, rate=rate, seconds=seconds)
        run_locust([*load, *options, f"--report={self.scratch}", "--quiet", *self.options])
        try:
            return dict(json.loads(file.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise CannotMeasure("the load could not be made; see above") from error


def find_capacity(bench: Bench, *, precision: float) -> Capacity:
    """Measures rate after rate until the answer is close enough.

    Args:
        bench: makes the load.
        precision: how close the answer must be, as a share of it.

    Raises:
        CannotMeasure: the generator is the limit, or the server answers too little.
    """
    most_per_s, facts = bench.measure_most()
    found = Capacity(bench.max_p99_ms, most_per_s, [], facts)
    while len(found.steps) < MAX_STEPS:
        rate = choose_rate(found, precision=precision)
        if rate is None:
            break
        step = bench.measure(rate)
        if step.problem is not None and step.p99_ms <= bench.max_p99_ms:
            raise CannotMeasure(step.problem)
        found.steps.append(step)
        verdict = "holds" if step.holds(max_p99_ms=bench.max_p99_ms) else "does not hold"
        bench.report(f"p50 {step.p50_ms:,.0f} ms, p99 {step.p99_ms:,.0f} ms: {verdict}")
    return found


def choose_rate(found: Capacity, *, precision: float) -> float | None:
    """Returns the rate to try next; None where the search is over.

    Up to the first rate that does not hold it goes by shares of `most_per_s`, then it bisects.
    While every rate holds it is never over: the caller must end it.

    Args:
        found: what was measured.
        precision: how close the answer must be, as a share of it.
    """
    low = found.held.rate if found.held else 0.0
    high = found.lowest_failed
    if high == math.inf:
        shares = [share * found.most_per_s for share in FIRST_SHARES]
        return next((rate for rate in shares if rate > low * 1.001), low * 1.1)
    is_over = high - low <= precision * low if low else high <= LOWEST_SHARE * found.most_per_s
    return None if is_over else (low + high) / 2
