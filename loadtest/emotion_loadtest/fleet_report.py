"""Simulated days as a table, as JSON and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from emotion_loadtest.figure import format_table, to_json
from emotion_loadtest.fleet import Outcome
from emotion_loadtest.fleet_plot import draw_fleet_png

MAX_P99_MS = 500.0


def write_report(outcomes: Sequence[Outcome], *, folder: Path) -> None:
    """Writes autoscaling.json and autoscaling.png."""
    (folder / "autoscaling.json").write_text(build_json(outcomes), encoding="utf-8")
    (folder / "autoscaling.png").write_bytes(draw_fleet_png(outcomes))


def build_json(outcomes: Sequence[Outcome]) -> str:
    """Returns settings, results and all minutes as a JSON document."""
    return to_json(
        [
            {
                "setting": each.setting,
                "p99_ms": each.p99_ms,
                "refused_share": each.refused_share,
                "num_replicas": each.num_replicas,
                "minutes": each.minutes,
            }
            for each in outcomes
        ]
    )


def format_outcomes(outcomes: Sequence[Outcome]) -> list[str]:
    """Returns a table, a line for each setting."""
    rows = [
        [
            each.setting.name,
            f"{each.num_replicas:.1f}",
            f"{max(minute.num_replicas for minute in each.minutes):.0f}",
            f"{each.p99_ms:,.0f}",
            f"{each.refused_share:.3%}",
            str(each.slow_minutes(max_p99_ms=MAX_P99_MS)),
        ]
        for each in outcomes
    ]
    slow = f"minutes with p99 over {MAX_P99_MS:g} ms or refusals"
    head = ["", "replicas", "most", "p99 ms", "refused", slow]
    return format_table([head, *rows], align="<>>>>>").splitlines()
