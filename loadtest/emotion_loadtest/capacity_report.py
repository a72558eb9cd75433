"""A capacity search as a table, as JSON, as a page, and as a picture."""

from __future__ import annotations

from pathlib import Path

from emotion_loadtest.capacity import Capacity
from emotion_loadtest.figure import format_table, to_json
from emotion_loadtest.plots import draw_capacity, draw_capacity_png
from emotion_loadtest.report import render


def write_report(capacity: Capacity, *, folder: Path) -> None:
    """Writes capacity.json, capacity.html and capacity.png."""
    (folder / "capacity.json").write_text(build_json(capacity), encoding="utf-8")
    (folder / "capacity.html").write_text(build_page(capacity), encoding="utf-8")
    (folder / "capacity.png").write_bytes(draw_capacity_png(capacity))


def format_steps(capacity: Capacity) -> list[str]:
    """Returns the table of all steps, by rate."""
    rows = [
        [
            f"{step.rate:,.1f}",
            f"{step.done_per_s:,.1f}",
            *(f"{value:,.0f}" for value in (step.p50_ms, step.p95_ms, step.p99_ms)),
            f"{step.error_share:.2%}",
            "holds"
            if step.holds(max_p99_ms=capacity.max_p99_ms)
            else step.problem or "does not hold",
        ]
        for step in capacity.by_rate
    ]
    head = ["rate", "answered/s", "p50 ms", "p95 ms", "p99 ms", "errors", ""]
    return format_table([head, *rows], align=">>>>>><").splitlines()


def build_json(capacity: Capacity) -> str:
    """Returns the search as a JSON document; null where nothing was answered."""
    return to_json({**vars(capacity), "held": capacity.held})


def build_page(capacity: Capacity) -> str:
    """Returns the search as a self-contained HTML page."""
    return render(
        title="Capacity",
        verdict=capacity.sentence,
        verdict_class="pass" if capacity.held else "fail",
        figures=format_steps(capacity),
        plots={"Latency over rate": draw_capacity(capacity)},
        facts=capacity.facts,
    )
