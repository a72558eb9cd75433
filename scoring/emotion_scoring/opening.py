"""Opens what a command line asks to score with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emotion_scoring.engine_scorer import EngineScorer
from emotion_scoring.ray_scorer import RayScorer
from emotion_scoring.scorer import Scorer
from emotion_scoring.server_scorer import ServerScorer


@contextmanager
def open_scorer(
    checkpoint: Path, *, urls: Sequence[str] | None, ray: str | None, timeout_s: float
) -> Iterator[Scorer]:
    """Yields the scorer, and closes it.

    Args:
        checkpoint: a folder for this process or Ray.
        urls: of servers to ask instead; None for none.
        ray: address of a Ray cluster, or LOCAL; None for this process.
        timeout_s: of a request to a server.

    Raises:
        CheckpointError: the folder is not a whole checkpoint.
        SettingsError: the checkpoint cannot be loaded here.
        ScorerError: there is no such Ray cluster.
    """
    scorer: Scorer
    if urls:
        scorer = ServerScorer(urls, timeout_s=timeout_s)
    elif ray:
        scorer = RayScorer(checkpoint, address=ray)
    else:
        scorer = EngineScorer(checkpoint)
    try:
        yield scorer
    finally:
        scorer.close()
