"""A run as JSON, for programs; units stand in the names."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from verdict.run import Run


def build_json(run: Run) -> str:
    """Returns the run as a JSON document; what was not measured is null."""
    figures = asdict(run.figures)
    figures["percentiles_ms"] = {
        f"p{percent:g}": value for percent, value in run.figures.percentiles_ms.items()
    }
    document = {
        "is_met": run.is_met,
        "problem": run.problem,
        "loss": run.loss,
        "lateness": run.lateness,
        "saturation": run.saturation,
        "targets": [asdict(judgement) for judgement in run.judgements],
        "callers": figures,
        "server": asdict(run.server) if run.server else None,
        "generator": asdict(run.generator),
        "warm_up_s": run.warm_up_s,
        "facts": run.facts,
        "seconds": [asdict(second) for second in run.seconds],
        "looks": [asdict(look) for look in run.looks],
    }
    return json.dumps(_without_nan(document), indent=1, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
