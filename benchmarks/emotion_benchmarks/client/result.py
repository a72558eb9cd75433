"""What the laps of the ways say: figures, targets, table and JSON. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

from emotion_loadtest.figure import Figure, Target, compare, format_table
from emotion_loadtest.texts import LINES, LYRICS, Mix
from emotion_server.counters import ServerLoad

from emotion_benchmarks.client.ways import BARE, PREDICT, PREDICT_MANY
from emotion_benchmarks.rounds import Lap


@dataclass(frozen=True)
class WayLap(Lap):
    """One way's turn at the texts of one round.

    Attributes:
        load: what the server's classifier did in that time, for all its callers.
    """

    load: ServerLoad


@dataclass(frozen=True)
class WayFigures:
    """Medians over the laps of one way.

    Attributes:
        texts_per_s: the rate.
        slowest: the rate of the slowest lap.
        fastest: the rate of the fastest lap.
        cpu_s_per_1000: processor seconds of the client for 1,000 texts.
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
class Contest:
    """Two ways to compare on one mix of texts.

    Attributes:
        mix: name of the mix.
        way: name of the way that is judged.
        other: name of the way that it is compared with.
        quantity: what the target is about: way / other of their rates, or of their times.
        target: for the ratio of the medians.
    """

    mix: str
    way: str
    other: str
    quantity: Literal["rate", "time"]
    target: Target


Laps = Mapping[str, Sequence[WayLap]]
CONTESTS = (
    Contest(LINES, PREDICT_MANY, PREDICT, "rate", Target(1.5, "at least")),
    Contest(LINES, PREDICT_MANY, BARE, "time", Target(1.25, "at most")),
    Contest(LYRICS, PREDICT_MANY, PREDICT, "rate", Target(1.0, "at least")),
    Contest(LYRICS, PREDICT_MANY, BARE, "time", Target(1.25, "at most")),
)


@dataclass(frozen=True)
class MixResult:
    """What was measured on one mix: the laps of each way, one for each round."""

    mix: Mix
    laps: Laps


def summarize(laps: Sequence[WayLap]) -> WayFigures:
    """Returns the figures of one way."""
    rates = [lap.texts_per_s for lap in laps]
    return WayFigures(
        texts_per_s=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        cpu_s_per_1000=median(1000 * lap.caller_cpu_s / lap.num_texts for lap in laps),
        rows_per_batch=median(lap.load.num_rows / max(1, lap.load.num_batches) for lap in laps),
        busy_share=median(lap.load.busy_s / lap.wall_s for lap in laps),
    )


def judge(results: Sequence[MixResult], *, contests: Sequence[Contest] = CONTESTS) -> list[Figure]:
    """Returns the figure of each contest; the spread of its rounds does not affect the verdict."""
    laps = {result.mix.name: result.laps for result in results}
    return [_judge(contest, laps=laps[contest.mix]) for contest in contests]


def format_ways(laps: Laps) -> str:
    """Returns a table with a line for each way."""
    head = ["", "texts/s", "lowest..highest", "client CPU s/1,000", "rows a batch", "model busy"]
    rows = [
        [
            name,
            f"{each.texts_per_s:,.0f}",
            f"{each.slowest:,.0f}..{each.fastest:,.0f}",
            f"{each.cpu_s_per_1000:.2f}",
            f"{each.rows_per_batch:.1f}",
            f"{each.busy_share:.0%}",
        ]
        for name, each in ((name, summarize(own)) for name, own in laps.items())
    ]
    return format_table([head, *rows], align="<>>>>>")


def build_document(results: Sequence[MixResult]) -> dict[str, Any]:
    """Returns all figures by the name of the mix; units are in the names."""
    return {
        result.mix.name: {
            "num_texts": result.mix.num_texts,
            "tokens": result.mix.lengths,
            "ways": {
                name: {**asdict(summarize(laps)), "laps": laps}
                for name, laps in result.laps.items()
            },
        }
        for result in results
    }


def _judge(contest: Contest, *, laps: Laps) -> Figure:
    own, others = ([lap.texts_per_s for lap in laps[way]] for way in (contest.way, contest.other))
    ratio = compare(own, others) if contest.quantity == "rate" else compare(others, own)
    name = f"{contest.mix}: {contest.quantity} of {contest.way} / {contest.other}"
    return ratio.judge(name, target=contest.target)
