"""The picture of simulated days, one setting beside the other."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotion_loadtest.fleet import Minute, Outcome
from emotion_loadtest.plots import BLUE, GRAY, ORANGE, RED, STYLE

COLORS = (BLUE, ORANGE, RED)
BEFORE_S, AFTER_S = 180.0, 1500.0


def draw_fleet_png(outcomes: Sequence[Outcome]) -> bytes:
    """Returns load, replicas, p99 and refused calls over the hours of a day as PNG."""
    with mpl.rc_context(STYLE):
        stream = io.BytesIO()
        plot_fleet(outcomes).savefig(stream, format="png", dpi=150)
        return stream.getvalue()


def plot_fleet(outcomes: Sequence[Outcome]) -> Figure:
    """Returns the figure: the whole day, and beside it the time around its busiest minute.

    Args:
        outcomes: of the same traffic, three at most.
    """
    figure = Figure(figsize=(9, 7), layout="constrained")
    columns = figure.subplots(4, 2, sharex="col", sharey="row", width_ratios=(2, 1)).T
    busiest = max(outcomes[0].minutes, key=lambda minute: minute.num_due)
    start_s, end_s = busiest.start_s - BEFORE_S, busiest.start_s + AFTER_S
    for column, (low_s, high_s) in zip(columns, ((0, math.inf), (start_s, end_s)), strict=True):
        for i, (outcome, color) in enumerate(zip(outcomes, COLORS, strict=False)):
            minutes = [each for each in outcome.minutes if low_s <= each.start_s < high_s]
            _plot(column, minutes, name=outcome.setting.name, color=color, zorder=3 - 0.1 * i)
    _label(*columns[0])
    columns[1][0].set_title("around the busiest minute", fontsize="medium")
    for column in columns:
        column[-1].set_xlabel("hour of the day")
    return figure


def _plot(
    column: Sequence[Axes], minutes: Sequence[Minute], *, name: str, color: str, zorder: float
) -> None:
    load, replicas, latency, refused = column
    style: Any = {"color": color, "zorder": zorder}
    hours = [each.start_s / 3600 for each in minutes]
    load.plot(hours, [each.num_due / 60 for each in minutes], color=GRAY)
    numbers = [each.num_replicas for each in minutes]
    replicas.step(hours, numbers, label=name, where="post", **style)
    latency.plot(hours, [each.p99_ms for each in minutes], lw=0.9, **style)
    shares = [100 * each.num_refused / max(1, each.num_due) for each in minutes]
    refused.step(hours, shares, where="post", **style)


def _label(load: Axes, replicas: Axes, latency: Axes, refused: Axes) -> None:
    load.set_ylabel("calls a second")
    replicas.set_ylabel("replicas")
    replicas.legend(loc="upper left", frameon=False, ncols=1)
    latency.set_ylabel("p99, ms")
    latency.set_yscale("log")
    latency.yaxis.set_major_formatter("{x:,.0f}")
    refused.set_ylabel("refused, %")
    for axes in (load, replicas, refused):
        axes.set_ylim(bottom=0)
