"""The pictures of a run, as SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from verdict.run import Run

WIDTH, HEIGHT = 9.0, 2.6
BLUE, ORANGE, RED, GRAY = "#2563a8", "#d97706", "#c02626", "#6b7280"
NO_METADATA: Any = dict.fromkeys(("Creator", "Date", "Format", "Type"))
STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e5e7eb",
    "svg.fonttype": "none",
    "svg.hashsalt": "run",
}


def draw_run(run: Run) -> dict[str, str]:
    """Returns title to picture, in the order in which they are looked at."""
    with mpl.rc_context(STYLE):
        return {
            "How much: texts a second": _draw(run, _draw_rate),
            "How fast: latency in ms": _draw(run, _draw_latency),
            "How full: rows a batch": _draw(run, _draw_batches),
            "How long in the queue: ms a request": _draw(run, _draw_queue),
        }


def to_svg(figure: Figure) -> str:
    """Returns a figure as an SVG element."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=NO_METADATA)
    svg = stream.getvalue()
    return svg[svg.index("<svg") :]


def _draw(run: Run, draw: Callable[[Axes, Run], None]) -> str:
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots()
    draw(axes, run)
    axes.set_xlim(0, max(1, len(run.seconds)))
    axes.set_xlabel("seconds")
    if run.warm_up_s:
        axes.axvspan(0, run.warm_up_s, color="#f3f4f6", zorder=0)
        axes.text(0, 1, " warm-up", transform=axes.get_xaxis_transform(), va="top", color=GRAY)
    return to_svg(figure)


def _draw_rate(axes: Axes, run: Run) -> None:
    middle = [second.elapsed_s + 0.5 for second in run.seconds]
    axes.plot(middle, [second.due for second in run.seconds], color=GRAY, ls=":", label="calls due")
    axes.plot(middle, [second.texts_per_s for second in run.seconds], color=BLUE, label="answered")
    failed = [second.failed for second in run.seconds]
    if any(failed):
        axes.bar(middle, failed, width=0.9, color=RED, label="failed", alpha=0.6)
    _finish(axes, limit=_find_limit(run, "min_rate"))


def _draw_latency(axes: Axes, run: Run) -> None:
    middle = [second.elapsed_s + 0.5 for second in run.seconds]
    axes.plot(middle, [second.p50_ms for second in run.seconds], color=BLUE, label="p50")
    axes.plot(middle, [second.p99_ms for second in run.seconds], color=ORANGE, label="p99")
    _finish(axes, limit=_find_limit(run, "max_p99_ms"))


def _draw_batches(axes: Axes, run: Run) -> None:
    _draw_looks(axes, run, [look.rows_per_batch for look in run.looks])
    _finish(axes, limit=_find_limit(run, "min_mean_batch"))


def _draw_queue(axes: Axes, run: Run) -> None:
    _draw_looks(axes, run, [look.queue_ms for look in run.looks])
    _finish(axes, limit=None)


def _draw_looks(axes: Axes, run: Run, values: Sequence[float]) -> None:
    axes.plot([look.elapsed_s for look in run.looks], values, color=BLUE)


def _finish(axes: Axes, *, limit: float | None) -> None:
    if limit is not None:
        axes.axhline(limit, color=RED, lw=1, ls="--", label="target")
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", frameon=False, ncols=4)


def _find_limit(run: Run, name: str) -> float | None:
    limits = [judgement.limit for judgement in run.judgements if judgement.name == name]
    return limits[0] if limits else None
