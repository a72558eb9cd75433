"""The verdict as lines of text."""

from __future__ import annotations

import math

from verdict.figures import Figures, ServerFigures
from verdict.run import Run
from verdict.targets import Judgement

# Name of a target: how people call it, the factor to its unit, and the unit.
WORDS = {
    "min_rate": ("rate, at least", 1, "texts/s"),
    "min_answered_share": ("answered, at least", 100, "%"),
    "max_p50_ms": ("p50, at most", 1, "ms"),
    "max_p95_ms": ("p95, at most", 1, "ms"),
    "max_p99_ms": ("p99, at most", 1, "ms"),
    "max_error_share": ("errors, at most", 100, "%"),
    "min_mean_batch": ("mean batch, at least", 1, "rows"),
}


def format_run(run: Run) -> list[str]:
    """Returns the figures and the verdict, a line each."""
    lines = ["", *describe_callers(run.figures)]
    lines += describe_server(run.server) if run.server else []
    if run.judgements and run.problem is None:
        lines += ["", *format_judgements(run.judgements)]
    if run.saturation and run.problem is None:
        lines += ["", run.saturation]
    return [*lines, ""]


def describe_callers(figures: Figures) -> list[str]:
    """Returns what the callers saw."""
    named = ", ".join(
        f"p{percent:g} {value:,.0f}" for percent, value in figures.percentiles_ms.items()
    )
    failures = ", ".join(f"{count:,} {name}" for name, count in figures.failures.items())
    return [
        f"callers  {figures.texts_per_s:,.1f} texts/s; {figures.num_calls:,} calls were due in "
        f"{figures.seconds:.1f} s, {figures.due_per_s:,.1f}/s",
        f"         latency in ms: {named}, max {figures.max_ms:,.0f}",
        f"         {figures.error_share:.2%} failed" + (f": {failures}" if failures else ""),
    ]


def describe_server(server: ServerFigures) -> list[str]:
    """Returns what Triton counted."""
    lines = [
        f"server   {server.rows_per_s:,.1f} texts/s in batches of {server.rows_per_batch:.1f}; "
        f"a request waits {server.queue_ms:.1f} ms in the queue; model busy "
        f"{server.busy_share:.0%} of the time",
    ]
    if server.difference > 0.02:
        lines.append(
            f"         it counted {server.difference:.0%} more texts than the callers: "
            "others call it too, or callers gave up"
        )
    return lines


def format_judgements(judgements: list[Judgement]) -> list[str]:
    """Returns the table of targets."""
    lines = [f"{'target':<32}{'measured':>14}  verdict"]
    for judgement in judgements:
        words, factor, unit = WORDS[judgement.name]
        target = f"{words} {judgement.limit * factor:,g} {unit}"
        measured = f"{format_number(judgement.measured * factor)} {unit}"
        lines.append(f"{target:<32}{measured:>14}  {'pass' if judgement.is_met else 'FAIL'}")
    return lines


def format_number(value: float) -> str:
    """Returns four digits, of a greater number all before its point, of none a dash."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
