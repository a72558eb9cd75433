"""The picture of simulated days, one setting beside the other."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emotion_loadtest.fleet import Outcome
from emotion_loadtest.plots import BLUE, GRAY, ORANGE, RED, STYLE

COLORS = (BLUE, ORANGE, RED, GRAY)


def draw_fleet_png(outcomes: Sequence[Outcome]) -> bytes:
    """Returns load, replicas, p99 and refused calls over the hours of a day as PNG."""
    with mpl.rc_context(STYLE):
        stream = io.BytesIO()
        plot_fleet(outcomes).savefig(stream, format="png", dpi=150)
        return stream.getvalue()


def plot_fleet(outcomes: Sequence[Outcome]) -> Figure:
    """Returns the figure.

    Args:
        outcomes: of the same traffic, four at most.
    """
    figure = Figure(figsize=(9, 7), layout="constrained")
    load, replicas, latency, refused = figure.subplots(4, sharex=True)
    first = outcomes[0].minutes
    load.plot(_hours(outcomes[0]), [each.num_due / 60 for each in first], color=GRAY)
    load.set_ylabel("calls a second")
    for outcome, color in zip(outcomes, COLORS, strict=False):
        _plot_outcome(outcome, color, replicas=replicas, latency=latency, refused=refused)
    replicas.set_ylabel("replicas")
    latency.set_ylabel("p99, ms")
    latency.set_yscale("log")
    refused.set_ylabel("refused, %")
    refused.set_xlabel("hour of the day")
    for axes in (load, replicas, refused):
        axes.set_ylim(bottom=0)
    replicas.legend(loc="upper left", frameon=False, ncols=4)
    return figure


def _plot_outcome(
    outcome: Outcome, color: str, *, replicas: Axes, latency: Axes, refused: Axes
) -> None:
    hours, minutes = _hours(outcome), outcome.minutes
    name = outcome.setting.name
    replicas.step(hours, [x.num_replicas for x in minutes], color=color, label=name, where="post")
    latency.plot(hours, [x.p99_ms for x in minutes], color=color, lw=0.9, alpha=0.8)
    shares = [100 * x.num_refused / max(1, x.num_due) for x in minutes]
    refused.plot(hours, shares, color=color, alpha=0.8)


def _hours(outcome: Outcome) -> list[float]:
    return list(np.array([minute.start_s for minute in outcome.minutes]) / 3600)
