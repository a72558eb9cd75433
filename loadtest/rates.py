"""What was measured, and what it says: medians, ratios with their spread, verdicts. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from text_mix import Mix


@dataclass(frozen=True)
class Lap:
    """One way's run over the texts of one round.

    Attributes:
        num_texts: at least 1.
        wall_s: seconds that it took, above 0.
        cpu_s: processor seconds of this process meanwhile, all threads together.
        num_rows: that the server's classifier answered meanwhile, for whomever.
        num_batches: that it computed them in.
        busy_s: seconds that it spent in them.
    """

    num_texts: int
    wall_s: float
    cpu_s: float
    num_rows: int
    num_batches: int
    busy_s: float

    @property
    def texts_per_s(self) -> float:
        """The rate."""
        return self.num_texts / self.wall_s


@dataclass(frozen=True)
class Result:
    """What was measured on one mix: the laps of each way, a round each."""

    mix: Mix
    laps: dict[str, list[Lap]]


@dataclass(frozen=True)
class Figures:
    """What the laps of one way say; medians, but for `slowest` and `fastest`.

    Attributes:
        texts_per_s: the rate.
        slowest: the rate of the slowest lap.
        fastest: the rate of the fastest lap.
        cpu_s_per_1000: processor seconds of the client for a thousand texts.
        rows_per_batch: how well the server's batches were filled.
        busy_share: share of the time in which the classifier computed, 0 to 1.
    """

    texts_per_s: float
    slowest: float
    fastest: float
    cpu_s_per_1000: float
    rows_per_batch: float
    busy_share: float


@dataclass(frozen=True)
class Target:
    """What a mix of texts must show.

    Attributes:
        mix: name of the mix.
        way: name of the way that is judged.
        other: name of the way that it is compared with.
        quantity: "rate", of which the ratio must be `limit` at least, or "time", at most.
        limit: for way / other.
    """

    mix: str
    way: str
    other: str
    quantity: Literal["rate", "time"]
    limit: float


@dataclass(frozen=True)
class Verdict:
    """How a target was met.

    Attributes:
        target: that was judged.
        ratio: of the medians.
        lowest: of the ratios within a round.
        highest: of the ratios within a round.
        is_met: whether `ratio` itself is on the right side of the limit; the spread grants nothing.
    """

    target: Target
    ratio: float
    lowest: float
    highest: float
    is_met: bool


def summarize(laps: Sequence[Lap]) -> Figures:
    """Returns the figures of one way."""
    rates = [lap.texts_per_s for lap in laps]
    return Figures(
        texts_per_s=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        cpu_s_per_1000=median(1000 * lap.cpu_s / lap.num_texts for lap in laps),
        rows_per_batch=median(lap.num_rows / max(1, lap.num_batches) for lap in laps),
        busy_share=median(lap.busy_s / lap.wall_s for lap in laps),
    )


def judge(target: Target, *, laps: Sequence[Lap], others: Sequence[Lap]) -> Verdict:
    """Compares two ways.

    Args:
        target: what is wanted.
        laps: of the way that is judged, a round each.
        others: of the way that it is compared with, in the same rounds.
    """
    own_rates, other_rates = ([lap.texts_per_s for lap in each] for each in (laps, others))
    if target.quantity == "time":
        own_rates, other_rates = other_rates, own_rates
    ratio = median(own_rates) / median(other_rates)
    ratios = [own / other for own, other in zip(own_rates, other_rates, strict=True)]
    is_met = ratio >= target.limit if target.quantity == "rate" else ratio <= target.limit
    return Verdict(target, ratio, min(ratios), max(ratios), is_met)
