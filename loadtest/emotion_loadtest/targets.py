"""What a load test must show, and whether it does. No I/O but reading the file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from emotion_command.errors import Refusal

from emotion_loadtest.figure import Figure, Target
from emotion_loadtest.measurements import CallerFigures, ServerFigures

MAX_LIMIT = 1e12


class TargetError(Refusal):
    """The targets are wrong; the message is one sentence: where, and what to do."""


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
        """Returns these targets, overridden by those of `values` that are not None."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})


NAMES = tuple(field.name for field in fields(Targets))


def find_highest(name: str) -> float:
    """Returns the highest limit that a target can have; the lowest is 0."""
    return 1.0 if name.endswith("_share") else MAX_LIMIT


def read_targets(file: Path) -> Targets:
    """Reads a TOML file of targets.

    Raises:
        TargetError: it cannot be read, or has an unknown key or a value out of range.
    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise TargetError(f"{file}: {error.strerror}; name a file of targets") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{file}: not TOML: {error}") from error
    for name, value in document.items():
        if name not in NAMES:
            raise TargetError(f"{file}: unknown target {name}; choose from {', '.join(NAMES)}")
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= find_highest(name):
            wanted = f"a number from 0 to {find_highest(name):.15g}"
            raise TargetError(f"{file}: {name}: expected {wanted}, got {value!r}")
    return Targets(**document)


def judge(
    targets: Targets, *, callers: CallerFigures, server: ServerFigures | None
) -> list[Figure]:
    """Returns what was measured for each target that is given, by the target's name."""
    measured = {
        "min_rate": callers.texts_per_s,
        "min_answered_share": callers.answered_share if callers.num_calls else math.nan,
        "max_p50_ms": callers.percentiles_ms["p50"],
        "max_p95_ms": callers.percentiles_ms["p95"],
        "max_p99_ms": callers.percentiles_ms["p99"],
        "max_error_share": callers.error_share if callers.num_calls else math.nan,
        "min_mean_batch": server.rows_per_batch if server else math.nan,
    }
    limits = {name: getattr(targets, name) for name in NAMES}
    return [
        Figure(
            name,
            measured[name],
            target=Target(limit, "at least" if name.startswith("min_") else "at most"),
        )
        for name, limit in limits.items()
        if limit is not None
    ]
