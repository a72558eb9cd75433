"""What was measured of the engine, as a table and as JSON. Nothing is measured here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Measurement:
    """A model on a workload.

    Attributes:
        model: name of the model.
        workload: name of the workload.
        num_rows: rows of one call.
        seconds: median of one call.
        flops_per_s: useful floating-point operations a second: those of real tokens.
        peak_flops_per_s: of matmuls of the same shapes, in the same run and dtype.
        operators: kind of operator to its share of the time.
    """

    model: str
    workload: str
    num_rows: int
    seconds: float
    flops_per_s: float
    peak_flops_per_s: float
    operators: Mapping[str, float]

    @property
    def rows_per_s(self) -> float:
        """The rate."""
        return self.num_rows / self.seconds

    @property
    def peak_share(self) -> float:
        """Useful work as a share of the peak."""
        return self.flops_per_s / self.peak_flops_per_s


def format_head() -> str:
    """Returns the head of the table."""
    return (
        f"{'model':<12}{'workload':<16}{'rows/s':>9}{'ms':>9}{'GFLOP/s':>10}{'of peak':>9}  "
        "where the time goes"
    )


def format_row(one: Measurement) -> str:
    """Returns a row of the table."""
    where = ", ".join(f"{kind} {share:.0%}" for kind, share in [*one.operators.items()][:5])
    return (
        f"{one.model:<12}{one.workload:<16}{one.rows_per_s:>9,.1f}{1000 * one.seconds:>9,.1f}"
        f"{one.flops_per_s / 1e9:>10,.0f}{one.peak_share:>9.0%}  {where}"
    )


def build_json(measurements: Sequence[Measurement], *, facts: Mapping[str, object]) -> str:
    """Returns all figures as a JSON document; units stand in the names."""
    document = {
        **facts,
        "measurements": [
            {**asdict(each), "rows_per_s": each.rows_per_s, "peak_share": each.peak_share}
            for each in measurements
        ],
    }
    return json.dumps(document, indent=1) + "\n"
