"""What the laps of a scoring job and of the engine say. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from emotion_loadtest.figure import Figure, Target, compare

from emotion_benchmarks.rounds import Lap
from emotion_benchmarks.scoring.measure import ENGINE, SCORING

# Of the engine's own rate: reading, tokenizing and writing happen beside it.
LEAST_SHARE = Target(0.95, "at least")
SECONDS_PER_HOUR = 3600


def judge(laps: Mapping[str, Sequence[Lap]]) -> list[Figure]:
    """Returns the rates, the share of the engine's rate with its target, and a job's duration."""
    rates = {name: [lap.texts_per_s for lap in laps[name]] for name in (ENGINE, SCORING)}
    scored = median(rates[SCORING])
    share = compare(rates[SCORING], rates[ENGINE])
    cpu = {name: sum(lap.caller_cpu_s for lap in laps[name]) for name in (ENGINE, SCORING)}
    return [
        Figure(f"rate of the {ENGINE} alone", median(rates[ENGINE]), "texts/s"),
        Figure(f"rate of {SCORING}", scored, "texts/s"),
        share.judge("share of the engine's rate", target=LEAST_SHARE),
        Figure("its processor time", cpu[SCORING] / cpu[ENGINE], "x", "of the engine's"),
        Figure("a million texts", 1e6 / scored / SECONDS_PER_HOUR, "hours", "of this machine"),
    ]
