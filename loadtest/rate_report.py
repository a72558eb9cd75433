"""How results look, for people and for programs. Nothing is measured or judged here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from rates import Figures, Result, Verdict, summarize


def format_table(figures: dict[str, Figures]) -> str:
    """Returns the figures of all ways, a line each."""
    head = f"  {'':<24}{'texts/s':>9}{'lowest..highest':>18}{'client CPU':>12}"
    lines = [
        f"{head}{'rows a batch':>14}{'model busy':>12}",
        f"  {'':<24}{'':>9}{'':>18}{'s per 1,000':>12}",
    ]
    for name, each in figures.items():
        spread = f"{each.slowest:,.0f}..{each.fastest:,.0f}"
        lines.append(
            f"  {name:<24}{each.texts_per_s:>9,.0f}{spread:>18}{each.cpu_s_per_1000:>12.2f}"
            f"{each.rows_per_batch:>14.1f}{each.busy_share:>12.0%}"
        )
    return "\n".join(lines)


def format_verdict(verdict: Verdict) -> str:
    """Returns one line on a target and whether it is met."""
    target = verdict.target
    verb, side = {"rate": ("has", "at least"), "time": ("takes", "at most")}[target.quantity]
    return (
        f"{'met   ' if verdict.is_met else 'MISSED'}  {target.mix}: {target.way} {verb} "
        f"{verdict.ratio:.2f} x the {target.quantity} of {target.other} "
        f"({verdict.lowest:.2f} to {verdict.highest:.2f}); {side} {target.limit:.2f}"
    )


def build_json(
    results: Sequence[Result], *, verdicts: Sequence[Verdict], facts: dict[str, object]
) -> str:
    """Returns all figures as a JSON document; units stand in the names.

    Args:
        results: what was measured.
        verdicts: on it.
        facts: what else to write, in front.
    """
    document = {
        **facts,
        "mixes": {
            result.mix.name: {
                "num_texts": result.mix.num_texts,
                "tokens": asdict(result.mix.lengths),
                "ways": {
                    name: {**asdict(summarize(laps)), "laps": [asdict(lap) for lap in laps]}
                    for name, laps in result.laps.items()
                },
            }
            for result in results
        },
        "targets": [asdict(verdict) for verdict in verdicts],
    }
    return json.dumps(document, indent=2) + "\n"
