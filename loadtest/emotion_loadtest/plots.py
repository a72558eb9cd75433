"""The plots of a run, second by second, and of a capacity search."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotion_loadtest.capacity import Capacity
from emotion_loadtest.verdict import Run

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
    """Returns title to SVG, in the order of a page."""
    plots: dict[str, tuple[Callable[[Axes, Run], None], str]] = {
        "Throughput: texts a second": (_plot_rate, "min_rate"),
        "Latency: ms": (_plot_latency, "max_p99_ms"),
        "Batch size: rows": (_plot_batches, "min_mean_batch"),
        "Queue: ms a request": (_plot_queue, ""),
    }
    with mpl.rc_context(STYLE):
        return {
            title: _draw_over_time(run, plot, target=target)
            for title, (plot, target) in plots.items()
        }


def draw_capacity(capacity: Capacity) -> str:
    """Returns latency over rate as SVG."""
    with mpl.rc_context(STYLE):
        return _to_svg(_plot_capacity(capacity))


def draw_capacity_png(capacity: Capacity) -> bytes:
    """Returns latency over rate as PNG."""
    with mpl.rc_context(STYLE):
        stream = io.BytesIO()
        _plot_capacity(capacity).savefig(stream, format="png", dpi=150)
        return stream.getvalue()


def _draw_over_time(run: Run, plot: Callable[[Axes, Run], None], *, target: str) -> str:
    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    plot(axes, run)
    for each in run.targets:
        if each.name == target and each.target:
            axes.axhline(each.target.limit, color=RED, lw=1, ls="--", label="target")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, max(1, len(run.seconds)))
    axes.set_xlabel("seconds")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper right", frameon=False, ncols=4)
    if run.warm_up_s:
        axes.axvspan(0, run.warm_up_s, color="#f3f4f6", zorder=0)
        axes.text(0, 1, " warm-up", transform=axes.get_xaxis_transform(), va="top", color=GRAY)
    return _to_svg(figure)


def _plot_rate(axes: Axes, run: Run) -> None:
    middle = [second.elapsed_s + 0.5 for second in run.seconds]
    axes.plot(middle, [second.due for second in run.seconds], color=GRAY, ls=":", label="calls due")
    axes.plot(middle, [second.texts_per_s for second in run.seconds], color=BLUE, label="answered")
    failed = [second.failed for second in run.seconds]
    if any(failed):
        axes.bar(middle, failed, width=0.9, color=RED, label="failed", alpha=0.6)


def _plot_latency(axes: Axes, run: Run) -> None:
    middle = [second.elapsed_s + 0.5 for second in run.seconds]
    axes.plot(middle, [second.p50_ms for second in run.seconds], color=BLUE, label="p50")
    axes.plot(middle, [second.p99_ms for second in run.seconds], color=ORANGE, label="p99")


def _plot_batches(axes: Axes, run: Run) -> None:
    elapsed_s = [look.elapsed_s for look in run.looks]
    axes.plot(elapsed_s, [look.rows_per_batch for look in run.looks], color=BLUE)


def _plot_queue(axes: Axes, run: Run) -> None:
    elapsed_s = [look.elapsed_s for look in run.looks]
    axes.plot(elapsed_s, [look.queue_ms for look in run.looks], color=BLUE)


def _plot_capacity(capacity: Capacity) -> Figure:
    steps = [step for step in capacity.by_rate if math.isfinite(step.p99_ms)]
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    axes = figure.subplots()
    rates = [step.rate for step in steps]
    axes.plot(rates, [step.p50_ms for step in steps], "o-", color=BLUE, label="p50")
    axes.plot(rates, [step.p99_ms for step in steps], "o-", color=ORANGE, label="p99")
    axes.axhline(capacity.max_p99_ms, color=RED, ls="--", lw=1, label="limit of p99")
    if held := capacity.held:
        axes.axvline(held.rate, color=GRAY, ls=":", lw=1)
        axes.annotate(
            f"holds {held.rate:,.0f}/s",
            (held.rate, held.p99_ms),
            xytext=(-12, 28),
            textcoords="offset points",
            ha="right",
            arrowprops={"arrowstyle": "->", "color": GRAY},
        )
    axes.set_yscale("log")
    axes.set_xlim(left=0)
    axes.set_xlabel("texts a second, Poisson arrivals")
    axes.set_ylabel("latency, ms")
    axes.legend(loc="upper left", frameon=False)
    return figure


def _to_svg(figure: Figure) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata=NO_METADATA)
    svg = stream.getvalue()
    return svg[svg.index("<svg") :]
