"""Whether a text costs in proportion to its tokens. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.workload import Workload

NUM_ROWS = 64
LIMIT = 0.25


@dataclass(frozen=True)
class LengthCost:
    """What rows of one length cost.

    Attributes:
        row_len: tokens of a row.
        seconds: of one call with `NUM_ROWS` of them.
    """

    row_len: int
    seconds: float

    @property
    def us_per_token(self) -> float:
        """Microseconds of one token."""
        return 1e6 * self.seconds / (NUM_ROWS * self.row_len)


def build_lengths(*, max_length: int) -> list[Workload]:
    """Returns calls of equal rows, from 8 tokens on, each length twice the one before."""
    row_lens = [2**i for i in range(3, max_length.bit_length()) if 2**i <= max_length]
    return [Workload(str(each), (each,) * NUM_ROWS) for each in row_lens]


def find_deviations(costs: Sequence[LengthCost]) -> list[float]:
    """Returns how far each cost is from the straight line through zero that fits all best.

    Best is where the greatest deviation is least; 0.25 is a quarter above the line, -0.25 below.
    """
    each = [cost.us_per_token for cost in costs]
    line = (min(each) + max(each)) / 2
    return [one / line - 1 for one in each]


def format_length_head() -> str:
    """Returns the head of the table."""
    return f"{'tokens a row':>12}{'ms':>10}{'us a token':>12}"


def format_length_row(cost: LengthCost) -> str:
    """Returns one line of the table."""
    return f"{cost.row_len:>12}{1000 * cost.seconds:>10,.1f}{cost.us_per_token:>12.1f}"


def format_length_verdict(costs: Sequence[LengthCost]) -> str:
    """Returns whether the cost of a text is in proportion to its tokens."""
    furthest = max(map(abs, find_deviations(costs)))
    is_met = furthest <= LIMIT
    return f"{'met' if is_met else 'MISSED'}: within {furthest:.1%} of a line; limit is {LIMIT:.0%}"
