"""The ways to score texts that are compared: the engine or the client alone, and whole jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from emotion_client import EmotionClient
from emotion_command.checkout import CHECKPOINT
from emotion_command.runner import Command
from emotion_command.signals import Interruption
from emotion_loadtest.server import open_server
from emotion_scoring.engine_scorer import CHUNK_TEXTS, EngineScorer
from emotion_scoring.inputs import Input
from emotion_scoring.job import Job, Options
from emotion_scoring.ray_scorer import RayScorer
from emotion_scoring.scorer import Scorer
from emotion_scoring.server_scorer import ServerScorer

ENGINE, IN_PROCESS = "engine alone", "score.py"
PREDICT_MANY, SERVER, RAY = "predict_many", "score.py --url", "score.py --ray"
ROWS_PER_PART = 1000


@dataclass(frozen=True)
class Way:
    """One way to score texts.

    Attributes:
        name: for tables.
        prepare: takes texts and an empty folder, does what is not timed, and returns what is.
    """

    name: str
    prepare: Callable[[Sequence[str], Path], Callable[[], object]]


@dataclass(frozen=True)
class Quiet(Command):
    """A command that prints only what is wrong."""

    def say(self, line: str) -> None:
        """Prints nothing."""


@contextmanager
def open_ways(
    engine: EngineScorer, *, is_alone: bool, report: Callable[[str], None]
) -> Iterator[list[Way]]:
    """Yields the ways; starts a Triton, and workers on Ray if it is installed.

    Args:
        engine: of the ways in this process.
        is_alone: whether to leave out the server and Ray.
        report: gets lines of progress.

    Raises:
        StartError: Triton cannot start.
        ScorerError: Ray cannot start.
    """
    ways = [
        Way(ENGINE, lambda texts, _: prepare_engine(texts, scorer=engine)),
        build_job_way(IN_PROCESS, engine),
    ]
    with ExitStack() as stack:
        if not is_alone:
            url = stack.enter_context(open_server(None, report=report))
            client = stack.enter_context(EmotionClient(url))
            ways.append(Way(PREDICT_MANY, lambda texts, _: lambda: [*client.predict_many(texts)]))
            server = stack.enter_context(closing(ServerScorer(url)))
            ways.append(build_job_way(SERVER, server))
        if not is_alone and find_spec("ray") is None:
            report("Ray is not installed, and left out")
        elif not is_alone:
            ray = stack.enter_context(closing(RayScorer(CHECKPOINT)))
            ways.append(build_job_way(RAY, ray))
        yield ways


def prepare_engine(texts: Sequence[str], *, scorer: EngineScorer) -> Callable[[], object]:
    """Tokenizes; returns what computes the tokens, as many rows at a time as a job does."""
    encodings = scorer.tokenizer.encode(texts)
    rows = [np.array(each.input_ids, dtype=np.int64) for each in encodings]

    def compute() -> None:
        for start in range(0, len(rows), CHUNK_TEXTS):
            scorer.classifier.predict(rows[start : start + CHUNK_TEXTS])

    return compute


def build_job_way(name: str, scorer: Scorer) -> Way:
    """Returns the way of a whole job: from a Parquet file into Parquet files."""
    return Way(name, lambda texts, folder: prepare_job(texts, folder, scorer=scorer).run)


def prepare_job(texts: Sequence[str], folder: Path, *, scorer: Scorer) -> Job:
    """Writes the texts into a Parquet file; returns a job that scores it."""
    import pyarrow
    from pyarrow import parquet

    path = folder / "lyrics.parquet"
    parquet.write_table(pyarrow.table({"id": range(len(texts)), "text": texts}), path)
    options = Options(
        inputs=[Input(path, path.name)],
        output=folder / "scored",
        column="text",
        format=None,
        prefix="",
        rows_per_part=ROWS_PER_PART,
        is_new=False,
    )
    return Job(options, scorer=scorer, command=Quiet("scoring"), interruption=Interruption())


@contextmanager
def prepared(way: Way, texts: Sequence[str]) -> Iterator[Callable[[], object]]:
    """Yields what is timed."""
    with TemporaryDirectory() as folder:
        yield way.prepare(texts, Path(folder))
