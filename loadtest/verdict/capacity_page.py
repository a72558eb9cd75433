"""A search for the capacity as a picture, a page, and JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from verdict.page import render
from verdict.pictures import BLUE, GRAY, ORANGE, RED, STYLE, to_svg
from verdict.search import Step, find_held


@dataclass(frozen=True)
class Capacity:
    """What a search found.

    Attributes:
        max_p99_ms: limit that was to hold.
        most_per_s: calls a second in a closed loop with many callers.
        steps: in the order in which they were measured.
        facts: name to value: what ran on what.
    """

    max_p99_ms: float
    most_per_s: float
    steps: Sequence[Step]
    facts: Mapping[str, str]

    @property
    def held(self) -> Step | None:
        """The highest rate that held; None where none did."""
        return find_held(self.steps, max_p99_ms=self.max_p99_ms)

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
        beyond = [step for step in self.steps if step.rate > self.held.rate]
        if beyond and min(beyond, key=lambda step: step.rate).problem:
            sentence += ". Just beyond it the generator was late as well: it may hold more"
        return sentence


def format_steps(steps: Sequence[Step], *, max_p99_ms: float) -> list[str]:
    """Returns the table of all steps, by rate."""
    head = f"{'rate':>9}{'answered/s':>12}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'errors':>9}"
    return [head] + [
        f"{step.rate:>9,.1f}{step.done_per_s:>12,.1f}{step.p50_ms:>9,.0f}{step.p95_ms:>9,.0f}"
        f"{step.p99_ms:>9,.0f}{step.error_share:>9.2%}  "
        + ("holds" if step.holds(max_p99_ms=max_p99_ms) else step.problem or "does not hold")
        for step in sorted(steps, key=lambda step: step.rate)
    ]


def build_json(capacity: Capacity) -> str:
    """Returns the search as a JSON document; null where nothing was answered."""
    document = {
        "max_p99_ms": capacity.max_p99_ms,
        "most_per_s": capacity.most_per_s,
        "held": _plain(capacity.held) if capacity.held else None,
        "steps": [_plain(step) for step in capacity.steps],
        "facts": dict(capacity.facts),
    }
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def build_page(capacity: Capacity) -> str:
    """Returns the search as a self-contained HTML page."""
    with mpl.rc_context(STYLE):
        svg = to_svg(_draw(capacity))
    return render(
        title="Capacity",
        verdict=capacity.sentence,
        verdict_class="pass" if capacity.held else "fail",
        warning=None,
        targets=[],
        figures=format_steps(capacity.steps, max_p99_ms=capacity.max_p99_ms),
        pictures={"Latency over rate": svg},
        facts=capacity.facts,
    )


def draw_png(capacity: Capacity) -> bytes:
    """Returns the picture as PNG."""
    with mpl.rc_context(STYLE):
        stream = io.BytesIO()
        _draw(capacity).savefig(stream, format="png", dpi=150)
        return stream.getvalue()


def _draw(capacity: Capacity) -> Figure:
    steps = sorted(
        (step for step in capacity.steps if math.isfinite(step.p99_ms)), key=lambda step: step.rate
    )
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


def _plain(step: Step) -> dict[str, object]:
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in asdict(step).items()
    }
