"""What was measured of request overhead: percentiles, figures and their targets. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

import numpy as np
from emotion_loadtest.figure import Figure, Target

from emotion_benchmarks.overhead.steps import Steps

MANY_ROWS, PAIR_LEN = 32, 32
REQUEST_RATE = Target(3_000, "at least")
ROW_RATE = Target(20_000, "at least")
SPREAD = Target(2.0, "at most")
OVER_ENGINE = Target(1.5, "at most")
READY = Target(20, "at most")
# Requests per second by tokens of the text: twice the figures of Hugging Face Infinity.
DISTILBERT_RATES = {
    128: Target(110, "at least"),
    64: Target(194, "at least"),
    32: Target(300, "at least"),
}
Rates = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Latencies:
    """How long calls took, one after another.

    Attributes:
        num_calls: at least 1.
        first_ms: the first call, in milliseconds.
        mean_ms: the mean, whose inverse is the rate.
        p50_ms: the median.
        p99_ms: one call in a hundred took longer.
        max_ms: the longest.
    """

    num_calls: int
    first_ms: float
    mean_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float

    @property
    def spread(self) -> float:
        """How many medians the p99 is."""
        return self.p99_ms / self.p50_ms


@dataclass(frozen=True)
class Lone:
    """How long lone requests took.

    Attributes:
        ready_s: seconds from the start of the server to READY.
        lyrics: texts of the lyric mix, from the first after READY on.
        client: texts of `PAIR_LEN` tokens, by the client.
        engine: the same texts, one forward pass each.
        steps: the client's time, step by step.
    """

    ready_s: float
    lyrics: Latencies
    client: Latencies
    engine: Latencies
    steps: Steps


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes:
        single: rows per second of requests of one row to the empty model, by sender and round.
        many: the same for requests of `MANY_ROWS`.
        lone: lone requests to the real model.
        distilbert: lone requests to a DistilBERT, by number of tokens.
    """

    single: Rates
    many: Rates
    lone: Lone
    distilbert: Mapping[int, Latencies]

    @property
    def figures(self) -> list[Figure]:
        """All figures, with their targets."""
        many = f"rows at {MANY_ROWS} a request, empty model"
        return [
            build_rate_figure("requests of 1 row, empty model", self.single, target=REQUEST_RATE),
            build_rate_figure(many, self.many, target=ROW_RATE),
            *build_lone_figures(self.lone),
            *build_distilbert_figures(self.distilbert),
        ]


def summarize_times(times_s: Sequence[float]) -> Latencies:
    """Returns the percentiles of calls, given in seconds and in their order."""
    times_ms = [1000 * each for each in times_s]
    p50, p99 = np.percentile(times_ms, [50, 99]).tolist()
    return Latencies(len(times_ms), times_ms[0], mean(times_ms), p50, p99, max(times_ms))


def build_rate_figure(name: str, rates: Rates, *, target: Target) -> Figure:
    """Returns the rate of the sender with the highest median.

    Args:
        name: of the figure.
        rates: of each sender by its name, one for each round.
        target: for the median.
    """
    medians = {sender: median(each) for sender, each in rates.items()}
    fastest = max(medians, key=medians.__getitem__)
    others = [f"{sender} {each:,.0f}" for sender, each in medians.items() if sender != fastest]
    note = f"{fastest}, {min(rates[fastest]):,.0f}..{max(rates[fastest]):,.0f}"
    return Figure(name, medians[fastest], "/s", "; ".join([note, *others]), target)


def build_lone_figures(lone: Lone) -> list[Figure]:
    """Returns the figures of lone requests."""
    lyrics, client, engine = lone.lyrics, lone.client, lone.engine
    fixed, over_engine = f"{PAIR_LEN} tokens", client.p50_ms / engine.p50_ms
    return [
        Figure("start to READY", lone.ready_s, "s", target=READY),
        Figure("lone lyrics, p50", lyrics.p50_ms, "ms", f"the first call {lyrics.first_ms:.2f}"),
        Figure("lone lyrics, p99", lyrics.p99_ms, "ms", f"the longest {lyrics.max_ms:.2f}"),
        Figure("lone lyrics, p99/p50", lyrics.spread, "x", target=SPREAD),
        Figure(f"{fixed}, p50", client.p50_ms, "ms", f"p99 {client.p99_ms:.2f}"),
        Figure(f"{fixed}, p99/p50", client.spread, "x", f"the engine's own {engine.spread:.2f}"),
        Figure(f"{fixed}, engine p50", engine.p50_ms, "ms", f"p99 {engine.p99_ms:.2f}"),
        Figure(f"{fixed}, p50 / engine p50", over_engine, "x", target=OVER_ENGINE),
        *lone.steps.list_figures(fixed, engine_ms=engine.mean_ms),
    ]


def build_distilbert_figures(distilbert: Mapping[int, Latencies]) -> list[Figure]:
    """Returns requests per second by number of tokens."""
    return [
        Figure(
            f"DistilBERT, {num_tokens} tokens, requests",
            1000 / each.mean_ms,
            "/s",
            f"p50 {each.p50_ms:.2f} ms, p99 {each.p99_ms:.2f}",
            DISTILBERT_RATES[num_tokens],
        )
        for num_tokens, each in distilbert.items()
    ]
