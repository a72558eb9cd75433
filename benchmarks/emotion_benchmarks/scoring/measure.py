"""Measures the ways to score in rounds, on the same texts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from emotion_loadtest.texts import count_with, make_lyrics, read_own_texts
from emotion_scoring.engine_scorer import EngineScorer

from emotion_benchmarks.rounds import Lap, rotate
from emotion_benchmarks.scoring.ways import Way, prepared


def measure(
    ways: Sequence[Way],
    rounds: Sequence[Sequence[str]],
    *,
    report: Callable[[str], None],
    check: Callable[[], None],
) -> dict[str, list[Lap]]:
    """Returns the laps of each way, one for each round.

    Args:
        ways: what takes its turn in each round.
        rounds: the texts of each.
        report: gets a line for each lap.
        check: called between laps; raises if a Ctrl-C was discarded.
    """
    laps: dict[str, list[Lap]] = {way.name: [] for way in ways}
    for i, texts in enumerate(rounds):
        for way in rotate(ways, round_number=i):
            check()
            with prepared(way, texts) as work:
                lap = time_lap(work, num_texts=len(texts))
            laps[way.name].append(lap)
            report(f"round {i + 1}: {way.name}, {lap.texts_per_s:,.0f} texts/s")
    return laps


def make_rounds(
    scorer: EngineScorer, *, num_texts: int, num_rounds: int, seed: int
) -> list[list[str]]:
    """Returns the lyrics of each round.

    Raises:
        DataError: the project's texts are missing.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    count, verses = count_with(scorer.tokenizer), read_own_texts("verses")
    return make_lyrics(verses, sizes=[num_texts] * num_rounds, count=count, rng=rng)


def time_lap(work: Callable[[], object], *, num_texts: int) -> Lap:
    """Returns how long the work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Lap(num_texts, time.perf_counter() - wall, time.process_time() - cpu)
