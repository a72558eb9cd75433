"""What a load test must show, and whether it does. No I/O but reading the file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from verdict.figures import Figures, ServerFigures

MAX_VALUE = 1e12


class TargetError(Exception):
    """The targets make no sense; the message is one sentence that says where and what to do."""


@dataclass(frozen=True)
class Targets:
    """What a load test must show; None asks for nothing.

    Attributes:
        min_rate: answered texts a second.
        min_answered_share: answered texts as a share of those that were due, as in 0.9: whether
            answers keep up with the arrivals of an open loop.
        max_p50_ms: median latency, from when a call was due.
        max_p95_ms: 95th percentile.
        max_p99_ms: 99th percentile.
        max_error_share: share of calls that fail, 0 to 1.
        min_mean_batch: rows a batch, by Triton's counters.
    """

    min_rate: float | None = None
    min_answered_share: float | None = None
    max_p50_ms: float | None = None
    max_p95_ms: float | None = None
    max_p99_ms: float | None = None
    max_error_share: float | None = None
    min_mean_batch: float | None = None

    def override(self, values: Mapping[str, float | None]) -> Targets:
        """Returns these targets with those of `values` that are not None in their place."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})


NAMES = tuple(field.name for field in fields(Targets))


@dataclass(frozen=True)
class Judgement:
    """A target and what was measured.

    Attributes:
        name: of the target.
        limit: what it asks for.
        measured: what was measured; NaN where nothing could be, which meets no target.
        is_met: whether it is on the right side of the limit.
    """

    name: str
    limit: float
    measured: float
    is_met: bool


def read_targets(file: Path) -> Targets:
    """Reads a TOML file of targets.

    Raises:
        TargetError: it cannot be read, or has a key that is no target or a value that is no limit.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"{file}: {error.strerror}; name a file of targets") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{file}: no TOML: {error}") from error
    for name, value in document.items():
        if name not in NAMES:
            raise TargetError(f"{file}: {name} is no target; choose of {', '.join(NAMES)}")
        if problem := find_problem(name, value):
            raise TargetError(f"{file}: {name} is {value!r}; {problem}")
    return Targets(**document)


def find_problem(name: str, value: Any) -> str | None:
    """Returns what is wrong with a target's value; None where nothing is."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "it must be a number"
    if isinstance(value, float) and not math.isfinite(value):
        return "it must be a number"
    if value > MAX_VALUE:
        return f"it must be at most {MAX_VALUE:,.0f}"
    if value < 0:
        return "it must be at least 0"
    if name.endswith("_share") and value > 1:
        return "it must be at most 1: it is a share"
    return None


def judge(targets: Targets, *, figures: Figures, server: ServerFigures | None) -> list[Judgement]:
    """Compares what was measured with what is wanted."""
    measured = {
        "min_rate": figures.texts_per_s,
        "min_answered_share": figures.answered_share if figures.num_calls else math.nan,
        "max_p50_ms": figures.percentiles_ms[50.0],
        "max_p95_ms": figures.percentiles_ms[95.0],
        "max_p99_ms": figures.percentiles_ms[99.0],
        "max_error_share": figures.error_share if figures.num_calls else math.nan,
        "min_mean_batch": server.rows_per_batch if server else math.nan,
    }
    limits = {name: getattr(targets, name) for name in NAMES}
    return [
        Judgement(name, limit, measured[name], _is_met(name, measured[name], limit=limit))
        for name, limit in limits.items()
        if limit is not None
    ]


def _is_met(name: str, value: float, *, limit: float) -> bool:
    return value >= limit if name.startswith("min_") else value <= limit
