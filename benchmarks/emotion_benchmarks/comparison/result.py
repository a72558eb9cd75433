"""What was measured of each server, and what it says: figures, targets, table and JSON. No I/O."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from emotion_loadtest.figure import (
    Figure,
    Ratio,
    Target,
    compare,
    format_figures,
    format_table,
    is_all_met,
)
from emotion_loadtest.measurements import percentile
from numpy.typing import NDArray

from emotion_benchmarks.comparison.job import MAX_ERROR, NUM_CHECKED
from emotion_benchmarks.comparison.peers import OURS, OURS_TEXT, Peer
from emotion_benchmarks.rounds import Lap

MIB = 2**20
# Cores; above this, other processes distort the figures.
MAX_OTHERS_CPU = 0.1
# Above this the calling process may be what limits the rate.
BUSY_CALLER_SHARE = 0.9
TARGETS = {"tuned": Target(2.0, "at least"), "example": Target(5.0, "at least")}
BEST_TARGET = Target(1.5, "at least")
HEAD = (
    "texts/s",
    "error",
    "p50 ms",
    "p99 ms",
    "server CPU s/1,000",
    "caller CPU s/1,000",
    "memory MiB",
)
RATIO_HEAD = ("client is ours x", "text is ours x")


@dataclass(frozen=True)
class ServerLap(Lap):
    """A server's turn in one round.

    Attributes:
        latencies_s: of every answer that came.
        server_cpu_s: processor seconds of the server's processes.
        machine_cpu_s: processor seconds of everything on the machine, other processes included.
        memory_bytes: of the server's processes at its end, as PSS.
        num_wrong: answers to the checked texts that differ from the model's own.
        max_error: largest error in probability of these answers.
    """

    latencies_s: tuple[float, ...]
    server_cpu_s: float
    machine_cpu_s: float
    memory_bytes: int = 0
    num_wrong: int = 0
    max_error: float = 0.0

    @property
    def others_cpu(self) -> float:
        """Cores that other processes kept busy."""
        others_s = self.machine_cpu_s - self.server_cpu_s - self.caller_cpu_s
        return max(0.0, others_s / self.wall_s)


@dataclass(frozen=True)
class Outcome:
    """What was measured of a server.

    Attributes:
        peer: the server.
        laps: one for each round; fewer if it failed.
        error: why it was not measured; None if it was.
    """

    peer: Peer
    laps: tuple[ServerLap, ...]
    error: str | None = None

    @property
    def max_error(self) -> float:
        """Largest error in probability; NaN if nothing was measured."""
        return max((lap.max_error for lap in self.laps), default=math.nan)

    @property
    def is_exact(self) -> bool:
        """Whether its answers are as accurate as ours must be."""
        return self.max_error <= MAX_ERROR


@dataclass(frozen=True)
class ServerFigures:
    """What the laps of a server say.

    Attributes:
        texts_per_s: the median rate.
        slowest: the rate of the slowest lap.
        fastest: the rate of the fastest lap.
        p50_ms: the median latency of all laps together.
        p99_ms: a hundredth of all answers took longer.
        server_cpu_s_per_1000: processor seconds of the server's processes for 1,000 texts.
        caller_cpu_s_per_1000: those of the process that calls.
        caller_share: share of one core that the calling process used, 0 to 1 and a bit more.
        others_cpu: cores that other processes kept busy, in the worst lap.
        memory_mib: the most at the end of a lap, as PSS.
        num_wrong: answers that differ from the model's own, in the worst lap.
        max_error: largest error in probability, in the worst lap.
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
    max_error: float


def summarize(laps: Sequence[ServerLap]) -> ServerFigures:
    """Returns the figures of a server with at least one lap."""
    rates = [lap.texts_per_s for lap in laps]
    latencies_s: NDArray[np.float64] = np.concatenate([lap.latencies_s for lap in laps])
    p50_ms, p99_ms = (1000 * percentile(latencies_s, each) for each in (50, 99))
    num_thousands = len(latencies_s) / 1000
    caller_cpu_s = sum(lap.caller_cpu_s for lap in laps)
    return ServerFigures(
        texts_per_s=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        server_cpu_s_per_1000=sum(lap.server_cpu_s for lap in laps) / num_thousands,
        caller_cpu_s_per_1000=caller_cpu_s / num_thousands,
        caller_share=caller_cpu_s / sum(lap.wall_s for lap in laps),
        others_cpu=max(lap.others_cpu for lap in laps),
        memory_mib=max(lap.memory_bytes for lap in laps) / MIB,
        num_wrong=max(lap.num_wrong for lap in laps),
        max_error=max(lap.max_error for lap in laps),
    )


@dataclass(frozen=True)
class Comparison:
    """What was measured of all servers.

    Attributes:
        outcomes: of each server.
    """

    outcomes: Sequence[Outcome]

    @property
    def figures(self) -> list[Figure]:
        """The ratios to each other server, and that to the best of equal accuracy."""
        return [*self.ratios, *self.best_ratios]

    @property
    def ratios(self) -> list[Figure]:
        """The rate of ours / theirs for each other server, if both were measured.

        A server that is less accurate than ours must be has no target.
        """
        figures = []
        for other in self.outcomes:
            ratio = self.compare(OURS, other)
            if ratio is not None and other.peer.form != "ours":
                target = TARGETS.get(other.peer.form) if other.is_exact else None
                figures.append(ratio.judge(f"rate of ours / {other.peer}", target=target))
        return figures

    @property
    def best_ratios(self) -> list[Figure]:
        """The rate of ours / the fastest tuned server or engine of equal accuracy, if any."""
        pairs = [
            (ratio, each.peer)
            for each in self.outcomes
            if each.peer.form in ("tuned", "engine") and each.is_exact
            if (ratio := self.compare(OURS, each)) is not None
        ]
        if not pairs:
            return []
        ratio, peer = min(pairs, key=lambda pair: pair[0].of_medians)
        name = f"rate of ours / the best of equal accuracy ({peer.name})"
        return [ratio.judge(name, target=BEST_TARGET)]

    def compare(self, key: str, other: Outcome) -> Ratio | None:
        """Returns how many times as fast the server with a key is as another.

        None if one of them was not measured.
        """
        own = next((each for each in self.outcomes if each.peer.key == key), None)
        if own is None or own.error or other.error:
            return None
        return compare(*([lap.texts_per_s for lap in each.laps] for each in (own, other)))

    def choose_exit_code(self, *, is_judged: bool) -> int:
        """Returns the exit code.

        2: ours did not start, or a figure is missing that is to be judged. 1: ours failed or
        answered wrongly, or, if they are judged, a target was missed. 0: otherwise.
        """
        ours = [each for each in self.outcomes if each.peer.form == "ours"]
        if any(each.error and not each.laps for each in ours):
            return 2
        if is_judged and len(self.ratios) < len(self.outcomes) - len(ours):
            return 2
        is_wrong = any(each.error or any(lap.num_wrong for lap in each.laps) for each in ours)
        return 1 if is_wrong or (is_judged and not is_all_met(self.figures)) else 0

    def format(self) -> str:
        """Returns a line for each server, measured or not, then remarks and verdicts."""
        rows, remarks = [["", *HEAD, *RATIO_HEAD, ""]], list[str]()
        for each in self.outcomes:
            if each.error is not None:
                cells = ["-"] * len(HEAD + RATIO_HEAD)
                rows.append([str(each.peer), *cells, f"not measured: {each.error}"])
                continue
            figures = summarize(each.laps)
            ratios = [self.compare(key, each) for key in (OURS, OURS_TEXT)]
            cells = ["-" if ratio is None else f"{ratio.of_medians:.2f}" for ratio in ratios]
            rows.append([str(each.peer), *_format_cells(figures), *cells, ""])
            remarks += _list_remarks(str(each.peer), figures)
        verdicts = ["", format_figures(self.figures)] if self.figures else []
        return "\n".join([format_table(rows, align="<>>>>>>>>><"), *remarks, *verdicts])

    def build_document(self) -> dict[str, Any]:
        """Returns all figures for programs; units are in the names."""
        peers = {
            each.peer.key: {
                "name": str(each.peer),
                "form": each.peer.form,
                "error": each.error,
                "figures": None if each.error else summarize(each.laps),
                "laps": [summarize([lap]) for lap in each.laps],
                "ratio_of_ours": self.compare(OURS, each),
                "ratio_of_ours_text": self.compare(OURS_TEXT, each),
            }
            for each in self.outcomes
        }
        return {"num_checked": NUM_CHECKED, "peers": peers, "targets": self.figures}


def _format_cells(figures: ServerFigures) -> list[str]:
    return [
        f"{figures.texts_per_s:,.0f}",
        f"{figures.max_error:.3f}",
        f"{figures.p50_ms:,.0f}",
        f"{figures.p99_ms:,.0f}",
        f"{figures.server_cpu_s_per_1000:.1f}",
        f"{figures.caller_cpu_s_per_1000:.2f}",
        f"{figures.memory_mib:,.0f}",
    ]


def _list_remarks(name: str, figures: ServerFigures) -> list[str]:
    remarks = []
    if figures.num_wrong:
        wrong = f"{figures.num_wrong} of {NUM_CHECKED} answers differ from the model's own"
        remarks.append(f"WRONG: {name}: {wrong}")
    if figures.max_error > MAX_ERROR:
        remarks.append(f"{name}: error {figures.max_error:.3f}, above {MAX_ERROR}")
    if figures.others_cpu > MAX_OTHERS_CPU:
        remarks.append(
            f"{name}: other processes kept {figures.others_cpu:.1f} cores busy; measure again on "
            "an idle machine"
        )
    if figures.caller_share > BUSY_CALLER_SHARE:
        remarks.append(
            f"{name}: the calling process used {figures.caller_share:.0%} of a core, and may be "
            "what limits the rate"
        )
    return remarks
