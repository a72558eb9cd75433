"""A run as lines of text, as JSON for programs, and as a self-contained HTML page."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from emotion_command.errors import Refusal
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from emotion_loadtest.figure import Figure, format_figures, format_value, to_json
from emotion_loadtest.measurements import CallerFigures, ServerFigures
from emotion_loadtest.plots import draw_run
from emotion_loadtest.verdict import Run

FOLDER = Path(__file__).parent
# Name of a target to its name for people, the factor to its unit, and the unit.
WORDS = {
    "min_rate": ("rate", 1, "texts/s"),
    "min_answered_share": ("answered", 100, "%"),
    "max_p50_ms": ("p50", 1, "ms"),
    "max_p95_ms": ("p95", 1, "ms"),
    "max_p99_ms": ("p99", 1, "ms"),
    "max_error_share": ("errors", 100, "%"),
    "min_mean_batch": ("mean batch", 1, "rows"),
}


def make_folder(folder: Path) -> None:
    """Makes the folder of a report, before anything is measured.

    Raises:
        Refusal: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(
            f"--report {folder}: {error.strerror}; name a folder that can be written"
        ) from error
    if not os.access(folder, os.W_OK):
        raise Refusal(f"--report {folder} cannot be written; name another folder")


def format_run(run: Run) -> list[str]:
    """Returns the figures and the verdict, a line each."""
    lines = ["", *describe_callers(run.callers)]
    lines += describe_server(run.server) if run.server else []
    if run.targets and run.problem is None:
        lines += ["", *format_figures(name_targets(run.targets)).splitlines()]
    if run.saturation and run.problem is None:
        lines += ["", run.saturation]
    return [*lines, ""]


def describe_callers(callers: CallerFigures) -> list[str]:
    """Returns what the callers saw."""
    if not callers.num_calls:
        return ["callers  no call was due"]
    longest = "-" if math.isnan(callers.max_ms) else f"{callers.max_ms:,.0f}"
    named = ", ".join(f"{name} {value:,.0f}" for name, value in callers.percentiles_ms.items())
    failures = ", ".join(f"{count:,} {name}" for name, count in callers.failures.items())
    return [
        f"callers  {callers.texts_per_s:,.1f} texts/s; {callers.num_calls:,} calls were due in "
        f"{callers.seconds:.1f} s, {callers.due_per_s:,.1f}/s",
        f"         latency in ms: {named}, max {longest}",
        f"         {callers.error_share:.2%} failed" + (f": {failures}" if failures else ""),
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


def name_targets(targets: Sequence[Figure]) -> list[Figure]:
    """Returns the targets with names and units for people."""
    return [
        replace(
            each,
            name=name,
            value=each.value * factor,
            unit=unit,
            target=each.target and replace(each.target, limit=each.target.limit * factor),
        )
        for each in targets
        for name, factor, unit in [WORDS[each.name]]
    ]


def build_json(run: Run) -> str:
    """Returns the run as a JSON document; what was not measured is null."""
    targets = [
        {
            "name": each.name,
            "limit": each.target.limit,
            "measured": each.value,
            "is_met": each.is_met,
        }
        for each in run.targets
        if each.target
    ]
    return to_json(
        {"is_met": run.is_met, "problem": run.problem, **vars(run), "targets": targets},
    )


def build_page(run: Run) -> str:
    """Returns the page of a run."""
    verdict, verdict_class = _conclude(run)
    return render(
        title="Load test",
        verdict=verdict,
        verdict_class=verdict_class,
        warning=run.problem or run.saturation,
        targets=name_targets(run.targets),
        figures=describe_callers(run.callers) + (describe_server(run.server) if run.server else []),
        plots=draw_run(run),
        facts=run.facts,
    )


def render(
    *,
    title: str,
    verdict: str,
    verdict_class: str,
    warning: str | None = None,
    targets: Sequence[Figure] = (),
    figures: Sequence[str],
    plots: Mapping[str, str],
    facts: Mapping[str, str],
) -> str:
    """Returns a page without scripts that loads nothing from elsewhere.

    Args:
        title: heading.
        verdict: a few words.
        verdict_class: "pass", "fail" or "unclear".
        warning: what to know before believing the figures.
        targets: each with what was measured.
        figures: lines of text.
        plots: title to SVG.
        facts: name to value.
    """
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("report.html").render(
        title=title,
        verdict=verdict,
        verdict_class=verdict_class,
        warning=warning,
        targets=targets,
        figures="\n".join(figures),
        plots=plots,
        facts=facts,
        format_value=format_value,
    )


def _conclude(run: Run) -> tuple[str, str]:
    if run.problem is not None:
        return "no verdict", "unclear"
    if not run.targets:
        return "measured; no targets were given", "unclear"
    return ("targets met", "pass") if run.is_met else ("target missed", "fail")
