"""Figures of the way of a request: percentiles, targets, verdicts, and how they look. No I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import mean, median
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Target:
    """What a figure must be.

    Attributes:
        limit: in the figure's unit.
        side: "at least" or "at most" the limit, which itself is enough.
    """

    limit: float
    side: Literal["at least", "at most"]


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: for tables and programs, with the unit where it has one.
        value: that was measured.
        note: what else to know of it, or "".
        target: None where nothing is wanted of it.
    """

    name: str
    value: float
    note: str = ""
    target: Target | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        if self.target.side == "at least":
            return self.value >= self.target.limit
        return self.value <= self.target.limit


@dataclass(frozen=True)
class Latencies:
    """How long calls took, one after another.

    Attributes:
        num_calls: at least 1.
        first_ms: the first call, in milliseconds.
        mean_ms: the mean, whose inverse is the rate.
        p50_ms: the median.
        p99_ms: one call in a hundred took longer.
        max_ms: the longest.
    """

    num_calls: int
    first_ms: float
    mean_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def spread(self) -> float:
        """How many medians the p99 is."""
        return self.p99_ms / self.p50_ms


def summarize_times(times_s: Sequence[float]) -> Latencies:
    """Returns the percentiles of calls, given in seconds and in their order."""
    times_ms = [1000 * each for each in times_s]
    p50, p99 = np.percentile(times_ms, [50, 99]).tolist()
    return Latencies(len(times_ms), times_ms[0], mean(times_ms), p50, p99, max(times_ms))


def build_rate_figure(
    name: str, rates: Mapping[str, Sequence[float]], *, target: Target | None
) -> Figure:
    """Returns the rate of the sender with the highest median.

    Args:
        name: of the figure.
        rates: of each sender by its name, a round each.
        target: for the median.
    """
    medians = {sender: median(each) for sender, each in rates.items()}
    fastest = max(medians, key=medians.__getitem__)
    others = [f"{sender} {each:,.0f}" for sender, each in medians.items() if sender != fastest]
    note = f"{fastest}, {min(rates[fastest]):,.0f}..{max(rates[fastest]):,.0f}"
    return Figure(name, medians[fastest], "; ".join([note, *others]), target)


def is_all_met(figures: Sequence[Figure]) -> bool:
    """Returns whether no target is missed."""
    return all(figure.is_met is not False for figure in figures)


def format_figures(figures: Sequence[Figure]) -> str:
    """Returns the figures with their targets and verdicts, a line each."""
    width = max(len(figure.name) for figure in figures)
    lines = [f"{'':8}{'':<{width}}{'measured':>10}  {'target':<18}"]
    for figure in figures:
        verdict = {True: "met", False: "MISSED", None: ""}[figure.is_met]
        target = figure.target
        wanted = f"{target.side} {format_number(target.limit)}" if target is not None else ""
        lines.append(
            f"{verdict:<8}{figure.name:<{width}}{format_number(figure.value):>10}  "
            f"{wanted:<18}{figure.note}"
        )
    return "\n".join(line.rstrip() for line in lines)


def format_number(value: float) -> str:
    """Returns a rate in whole numbers and a time or ratio with two decimals."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def build_json(figures: Sequence[Figure], *, facts: Mapping[str, object]) -> str:
    """Returns all figures as a JSON document, with `facts` in front."""
    document = {
        **facts,
        "figures": [{**asdict(figure), "is_met": figure.is_met} for figure in figures],
    }
    return json.dumps(document, indent=2) + "\n"
