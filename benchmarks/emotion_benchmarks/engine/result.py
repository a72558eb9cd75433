"""What was measured of the engine: figures, tables and JSON. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from emotion_loadtest.figure import Figure, Target, format_table

from emotion_benchmarks.engine.workload import NUM_EQUAL_ROWS

NUM_SHOWN_KINDS = 5
DEVIATION = Target(25, "at most")


@dataclass(frozen=True)
class Measurement:
    """A model on a workload.

    Attributes:
        model: name of the model.
        workload: name of the workload.
        num_rows: rows of one call.
        seconds: median of one call.
        flops_per_s: useful floating-point operations per second.
        peak_flops_per_s: of matmuls of the same shapes, in the same run and dtype.
        operators: kinds of operators with their shares of the time.
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

    def __str__(self) -> str:
        return (
            f"{self.model}, {self.workload}: {self.rows_per_s:,.1f} rows/s, "
            f"{self.peak_share:.0%} of the peak"
        )


@dataclass(frozen=True)
class LengthCost:
    """The cost of `NUM_EQUAL_ROWS` rows of one length.

    Attributes:
        model: name of the model.
        row_len: tokens of a row.
        seconds: of one call.
    """

    model: str
    row_len: int
    seconds: float

    @property
    def us_per_token(self) -> float:
        """Microseconds of one token."""
        return 1e6 * self.seconds / (NUM_EQUAL_ROWS * self.row_len)

    def __str__(self) -> str:
        return f"{self.model}, {self.row_len} tokens a row: {self.us_per_token:.1f} us a token"


def format_measurements(measurements: Sequence[Measurement]) -> str:
    """Returns a table with a line for each measurement."""
    head = ["model", "workload", "rows/s", "ms", "GFLOP/s", "of peak", "where the time goes"]
    rows = [
        [
            each.model,
            each.workload,
            f"{each.rows_per_s:,.1f}",
            f"{1000 * each.seconds:,.1f}",
            f"{each.flops_per_s / 1e9:,.0f}",
            f"{each.peak_share:.0%}",
            ", ".join(
                f"{kind} {share:.0%}" for kind, share in [*each.operators.items()][:NUM_SHOWN_KINDS]
            ),
        ]
        for each in measurements
    ]
    return format_table([head, *rows], align="<<>>>><")


def format_costs(costs: Sequence[LengthCost]) -> str:
    """Returns a table with a line for each length."""
    rows = [
        [each.model, str(each.row_len), f"{1000 * each.seconds:,.1f}", f"{each.us_per_token:.1f}"]
        for each in costs
    ]
    return format_table([["model", "tokens a row", "ms", "us a token"], *rows], align="<>>>")


def judge_costs(costs: Sequence[LengthCost]) -> list[Figure]:
    """Returns, for each model, how far its costs are from being proportional to the tokens."""
    return [
        Figure(
            f"{model}: furthest from a straight line",
            100 * max(map(abs, find_deviations([each for each in costs if each.model == model]))),
            "%",
            target=DEVIATION,
        )
        for model in dict.fromkeys(each.model for each in costs)
    ]


def find_deviations(costs: Sequence[LengthCost]) -> list[float]:
    """Returns how far each cost is from the straight line through zero that fits all best.

    The line has the smallest maximum deviation. 0.25 is a quarter above it, -0.25 below.
    """
    each = [cost.us_per_token for cost in costs]
    line = (min(each) + max(each)) / 2
    return [one / line - 1 for one in each]


def build_document(measurements: Sequence[Measurement]) -> list[dict[str, Any]]:
    """Returns all figures for programs; units are in the names."""
    return [
        {**asdict(each), "rows_per_s": each.rows_per_s, "peak_share": each.peak_share}
        for each in measurements
    ]
