"""What was measured, and what it says: rates, percentiles, ratios, verdicts. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from verdict.figures import percentile

from comparison.closed_loop import Load
from comparison.peer import Peer

MIB = 2**20
# Cores; above this others were at work, and the figures are not the server's own.
MAX_OTHERS_CPU = 0.1


@dataclass(frozen=True)
class Lap:
    """A server's measurement in one round.

    Attributes:
        load: what happened.
        memory_bytes: of the server's processes at its end, as PSS.
        num_wrong: answers to the checked texts that are not the model's.
    """

    load: Load
    memory_bytes: int
    num_wrong: int

    @property
    def texts_per_s(self) -> float:
        """The rate."""
        return len(self.load.latencies_s) / self.load.wall_s


@dataclass(frozen=True)
class Outcome:
    """What came of a server.

    Attributes:
        peer: the server.
        laps: a round each; fewer where it failed.
        error: why it was not measured; None where it was.
    """

    peer: Peer
    laps: tuple[Lap, ...]
    error: str | None = None


@dataclass(frozen=True)
class Figures:
    """What the laps of a server say.

    Attributes:
        texts_per_s: the median rate.
        slowest: the rate of the slowest lap.
        fastest: the rate of the fastest lap.
        p50_ms: the median latency of all laps together.
        p99_ms: a hundredth of all answers took longer.
        server_cpu_s_per_1000: processor seconds of the server's processes for a thousand texts.
        caller_cpu_s_per_1000: those of the process that calls.
        caller_share: share of one core that the calling process used, 0 to 1 and a bit more.
        others_cpu: cores that other processes kept busy meanwhile, in the worst lap.
        memory_mib: the most at the end of a lap, as PSS.
        num_wrong: answers to the checked texts that are not the model's, in the worst lap.
    """

    texts_per_s: float
    slowest: float
    fastest: float
    p50_ms: float
    p99_ms: float
    server_cpu_s_per_1000: float
    caller_cpu_s_per_1000: float
    caller_share: float
    others_cpu: float
    memory_mib: float
    num_wrong: int


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one server is as another.

    Attributes:
        of_medians: rates, medians over the rounds.
        lowest: within a round.
        highest: within a round.
    """

    of_medians: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Verdict:
    """Whether ours is as much faster than a server as it is meant to be.

    Attributes:
        peer: the other server.
        ratio: ours to it.
        limit: the least that is wanted.
    """

    peer: Peer
    ratio: Ratio
    limit: float

    @property
    def is_met(self) -> bool:
        """Whether the ratio of the medians reaches the limit; the spread grants nothing."""
        return self.ratio.of_medians >= self.limit


def summarize(laps: Sequence[Lap]) -> Figures:
    """Returns the figures of a server with at least one lap, in which answers came."""
    loads = [lap.load for lap in laps]
    rates = [lap.texts_per_s for lap in laps]
    latencies_s: NDArray[np.float64] = np.concatenate([load.latencies_s for load in loads])
    p50_ms, p99_ms = (1000 * percentile(latencies_s, each) for each in (50, 99))
    num_thousands = len(latencies_s) / 1000
    caller_cpu_s = sum(load.caller_cpu_s for load in loads)
    return Figures(
        texts_per_s=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        server_cpu_s_per_1000=sum(load.server_cpu_s for load in loads) / num_thousands,
        caller_cpu_s_per_1000=caller_cpu_s / num_thousands,
        caller_share=caller_cpu_s / sum(load.wall_s for load in loads),
        others_cpu=max(map(measure_others, loads)),
        memory_mib=max(lap.memory_bytes for lap in laps) / MIB,
        num_wrong=max(lap.num_wrong for lap in laps),
    )


def measure_others(load: Load) -> float:
    """Returns how many cores other processes kept busy during a load."""
    others_s = load.machine_cpu_s - load.server_cpu_s - load.caller_cpu_s
    return max(0.0, others_s / load.wall_s)


def compare(own: Outcome | None, other: Outcome) -> Ratio | None:
    """Returns how many times as fast one server is as another; None where one was not measured."""
    if own is None or own.error or other.error:
        return None
    rates, other_rates = ([lap.texts_per_s for lap in each.laps] for each in (own, other))
    ratios = [mine / its for mine, its in zip(rates, other_rates, strict=True)]
    return Ratio(median(rates) / median(other_rates), min(ratios), max(ratios))


def find(outcomes: Sequence[Outcome], key: str) -> Outcome | None:
    """Returns what came of the server with a key."""
    return next((each for each in outcomes if each.peer.key == key), None)


def judge(
    own: Outcome | None, others: Sequence[Outcome], *, limits: dict[str, float]
) -> list[Verdict]:
    """Returns a verdict on each server that was measured and for whose form there is a limit.

    Args:
        own: ours.
        others: what it is compared with.
        limits: by form, the least ratio of ours to theirs.
    """
    verdicts = []
    for other in others:
        ratio = compare(own, other)
        if ratio is not None and other.peer.form in limits:
            verdicts.append(Verdict(other.peer, ratio, limits[other.peer.form]))
    return verdicts
