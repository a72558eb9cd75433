"""Measures a whole scoring job and the engine alone in rounds, on the same texts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_loadtest.texts import count_with, make_lyrics, read_own_texts
from emotion_scoring.engine_scorer import CHUNK_TEXTS, EngineScorer
from emotion_scoring.job import Job, Options
from numpy.typing import NDArray

from emotion_benchmarks.rounds import Lap, rotate

ENGINE, SCORING = "engine", "scoring"
ROWS_PER_PART = 1000


@dataclass(frozen=True)
class Quiet(Command):
    """A command that prints only what is wrong."""

    def say(self, line: str) -> None:
        """Prints nothing."""


def measure(
    scorer: EngineScorer,
    *,
    num_texts: int,
    num_rounds: int,
    seed: int,
    report: Callable[[str], None],
    interruption: Interruption,
) -> dict[str, list[Lap]]:
    """Returns the laps of `ENGINE` and `SCORING`, one for each round.

    Args:
        scorer: the engine of both.
        num_texts: lyrics in a round.
        num_rounds: number of rounds.
        seed: another one makes other texts.
        report: gets a line for each lap.
        interruption: raises what Ctrl-C left behind.

    Raises:
        DataError: the project's texts are missing.
    """
    laps: dict[str, list[Lap]] = {ENGINE: [], SCORING: []}
    rounds = make_rounds(scorer, num_texts=num_texts, num_rounds=num_rounds, seed=seed)
    with TemporaryDirectory() as folder:
        for i, texts in enumerate(rounds):
            job = build_job(texts, scorer=scorer, folder=Path(folder, str(i)))
            rows = tokenize(texts, scorer=scorer)
            work: dict[str, Callable[[], object]] = {
                ENGINE: partial(compute, rows, scorer=scorer),
                SCORING: job.run,
            }
            for name in rotate(list(work), round_number=i):
                interruption.check()
                laps[name].append(time_lap(work[name], num_texts=num_texts))
                report(f"round {i + 1}: {name}, {laps[name][-1].texts_per_s:,.0f} texts/s")
    return laps


def make_rounds(
    scorer: EngineScorer, *, num_texts: int, num_rounds: int, seed: int
) -> Iterator[list[str]]:
    """Yields the lyrics of each round.

    Raises:
        DataError: the project's texts are missing.
    """
    rng = random.Random(seed)  # noqa: S311 - no secret
    count, verses = count_with(scorer.tokenizer), read_own_texts("verses")
    for _ in range(num_rounds):
        yield from make_lyrics(verses, sizes=[num_texts], count=count, rng=rng)


def tokenize(texts: Sequence[str], *, scorer: EngineScorer) -> list[NDArray[np.int64]]:
    """Returns the ids of each text, (row_len,) int64."""
    return [np.array(each.input_ids, dtype=np.int64) for each in scorer.tokenizer.encode(texts)]


def compute(rows: Sequence[NDArray[np.int64]], *, scorer: EngineScorer) -> None:
    """Runs the engine alone, on as many rows at a time as a job does."""
    for start in range(0, len(rows), CHUNK_TEXTS):
        scorer.classifier.predict(rows[start : start + CHUNK_TEXTS])


def build_job(texts: Sequence[str], *, scorer: EngineScorer, folder: Path) -> Job:
    """Writes the texts into a Parquet file; returns a job that scores it."""
    import pyarrow
    from pyarrow import parquet

    folder.mkdir()
    parquet.write_table(pyarrow.table({"text": texts}), folder / "lyrics.parquet")
    options = Options(
        inputs=[str(folder / "lyrics.parquet")],
        output=folder / "scored",
        column="text",
        format=None,
        prefix="",
        rows_per_part=ROWS_PER_PART,
        is_new=False,
    )
    return Job(options, scorer=scorer, command=Quiet("scoring"), interruption=Interruption())


def time_lap(work: Callable[[], object], *, num_texts: int) -> Lap:
    """Returns how long the work takes."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Lap(num_texts, time.perf_counter() - wall, time.process_time() - cpu)
