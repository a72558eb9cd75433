"""A measured figure, its target, and how both are printed: for everything that measures.

No I/O, and nothing is measured here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True)
class Target:
    """What a figure must be.

    Attributes:
        limit: in the figure's unit.
        side: "at least" or "at most" the limit, which itself is enough.
    """

    limit: float
    side: Literal["at least", "at most"]

    def is_met_by(self, value: float) -> bool:
        """Tells whether a value meets it; NaN, which was not measured, meets no target."""
        return value >= self.limit if self.side == "at least" else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: for tables and programs.
        value: NaN where nothing could be measured.
        unit: of value and target, or "".
        note: what else to know about it, or "".
        target: None where there is none.
    """

    name: str
    value: float
    unit: str = ""
    note: str = ""
    target: Target | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without a target."""
        return None if self.target is None else self.target.is_met_by(self.value)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one thing is as another.

    Attributes:
        of_medians: rates, medians over the rounds.
        lowest: within a round.
        highest: within a round.
    """

    of_medians: float
    lowest: float
    highest: float

    def judge(self, name: str, *, target: Target | None) -> Figure:
        """Returns the ratio of the medians as a figure; its note is the spread of the rounds."""
        spread = f"{self.lowest:.2f} to {self.highest:.2f}"
        return Figure(name, self.of_medians, "x", spread, target)


def compare(rates: Sequence[float], others: Sequence[float]) -> Ratio:
    """Compares rates with those of something else, measured in the same rounds."""
    ratios = [rate / other for rate, other in zip(rates, others, strict=True)]
    return Ratio(median(rates) / median(others), min(ratios), max(ratios))


def is_all_met(figures: Sequence[Figure]) -> bool:
    """Returns whether no target is missed."""
    return all(figure.is_met is not False for figure in figures)


def format_figures(figures: Sequence[Figure]) -> str:
    """Returns the figures with their targets and verdicts, a line each."""
    verdicts = {True: "met", False: "MISSED", None: ""}
    rows = [
        [
            verdicts[each.is_met],
            each.name,
            format_value(each.value, unit=each.unit),
            f"{each.target.side} {format_value(each.target.limit, unit=each.unit)}"
            if each.target
            else "",
            each.note,
        ]
        for each in figures
    ]
    return format_table([["", "", "measured", "target", ""], *rows], align="<<><<")


def format_table(rows: Sequence[Sequence[str]], *, align: str) -> str:
    """Returns rows of cells in columns as wide as their widest cell, two blanks apart.

    Args:
        rows: the head first; all of one length.
        align: a sign for each column: "<" left, ">" right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            f"{cell:{sign}{width}}" for cell, sign, width in zip(row, align, widths, strict=True)
        ).rstrip()
        for row in rows
    )


def format_value(value: float, *, unit: str = "") -> str:
    """Returns a value with its unit: four digits, or all before the point."""
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{'-' if math.isnan(value) else number} {unit}".rstrip()


def to_json(document: Any) -> str:
    """Returns a JSON document: dataclasses become objects, and what is not finite null."""
    return json.dumps(_plain(document), indent=2, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, Figure):
        return {**_plain(asdict(value)), "is_met": value.is_met}
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
