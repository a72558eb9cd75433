"""What the laps of the ways to score say. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from emotion_loadtest.figure import Figure, Target, compare

from emotion_benchmarks.rounds import Lap
from emotion_benchmarks.scoring.ways import ENGINE, IN_PROCESS, PREDICT_MANY, RAY, SERVER

# What a way is compared with, and its target. Reading, tokenizing and writing take place beside the
# engine; a client does the same in both ways; on Ray, one core also reads and writes.
COMPARED = {
    IN_PROCESS: (ENGINE, Target(0.95, "at least")),
    SERVER: (PREDICT_MANY, Target(1.0, "at least")),
    RAY: (IN_PROCESS, Target(0.7, "at least")),
}
SECONDS_PER_HOUR = 3600


def judge(laps: Mapping[str, Sequence[Lap]]) -> list[Figure]:
    """Returns the rate of each way, its ratio to another one, and how long a million texts take.

    Args:
        laps: of each way, in the same rounds.
    """
    rates = {name: [lap.texts_per_s for lap in own] for name, own in laps.items()}
    figures = [Figure(f"rate of {name}", median(own), "texts/s") for name, own in rates.items()]
    for name, (other, target) in COMPARED.items():
        if name in rates:
            ratio = compare(rates[name], rates[other])
            figures.append(ratio.judge(f"{name} / {other}", target=target))
    hours = 1e6 / median(rates[IN_PROCESS]) / SECONDS_PER_HOUR
    return [*figures, Figure("a million texts", hours, "hours", f"{IN_PROCESS}, this machine")]
