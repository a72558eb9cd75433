"""A run as one self-contained HTML page: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from verdict.pictures import draw_run
from verdict.run import Run
from verdict.table import WORDS, describe_callers, describe_server, format_number

FOLDER = Path(__file__).parent


def build_page(run: Run) -> str:
    """Returns the page of a run."""
    targets = [
        (
            words,
            f"{each.limit * factor:,g} {unit}",
            f"{format_number(each.measured * factor)} {unit}",
            each.is_met,
        )
        for each in run.judgements
        for words, factor, unit in [WORDS[each.name]]
    ]
    figures = describe_callers(run.figures) + (describe_server(run.server) if run.server else [])
    verdict, verdict_class = _conclude(run)
    return render(
        title="Load test",
        verdict=verdict,
        verdict_class=verdict_class,
        warning=run.problem or run.saturation,
        targets=targets,
        figures=figures,
        pictures=draw_run(run),
        facts=run.facts,
    )


def render(
    *,
    title: str,
    verdict: str,
    verdict_class: str,
    warning: str | None,
    targets: Sequence[tuple[str, str, str, bool]],
    figures: Sequence[str],
    pictures: Mapping[str, str],
    facts: Mapping[str, str],
) -> str:
    """Returns a page.

    Args:
        title: heading.
        verdict: a few words.
        verdict_class: "pass", "fail" or "unclear".
        warning: what to know before believing the figures.
        targets: words, limit, measured, whether it is met.
        figures: lines of text.
        pictures: title to SVG.
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
        pictures=pictures,
        facts=facts,
    )


def _conclude(run: Run) -> tuple[str, str]:
    if run.problem is not None:
        return "no verdict", "unclear"
    if not run.judgements:
        return "measured; no targets were given", "unclear"
    return ("targets met", "pass") if run.is_met else ("target missed", "fail")
