"""Scores texts with engines on the nodes of a Ray cluster."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotion_scoring.chunks import cut, join_batches, keep_busy
from emotion_scoring.engine_scorer import EngineScorer
from emotion_scoring.errors import ScorerError
from emotion_scoring.scorer import Facts, Texts
from emotion_scoring.scores import Scores

LOCAL = "local"
"""The address of a cluster of this machine alone, which is started and ended with the job."""
CHUNK_TEXTS = 1024
CHUNKS_PER_WORKER = 2
# Times that the same texts are sent again after the process that had them died.
MAX_RETRIES = 3


class RayScorer:
    """An engine for each GPU of a cluster, or for each of its CPUs if it has no GPU.

    Ray starts a worker that died again, and sends it its texts again. Only texts and scores travel:
    each node needs this distribution and the checkpoint, but no access to the files.

    Args:
        checkpoint: folder of a prepared checkpoint, at the same path on each node.
        address: of the cluster ("ray://host:10001", "auto"), or LOCAL.

    Raises:
        ModuleNotFoundError: Ray is not installed.
        ScorerError: there is no such cluster, or its nodes cannot load the checkpoint.
    """

    def __init__(self, checkpoint: str | Path, *, address: str = LOCAL) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports home
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
        import ray

        self._ray = ray
        with self._translate(f"the Ray cluster {address!r} does not answer"):
            options: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
            with _keep_handler(signal.SIGTERM):  # Ray sets its own
                ray.init(address, log_to_driver=False, logging_level="ERROR", **options)
        with self._translate("the nodes of the Ray cluster cannot load the checkpoint"):
            self._workers = self._start(str(checkpoint))
            facts = ray.get(self._workers[0].describe.remote())
        name = f"{len(self._workers)} workers on Ray: {facts.name}"
        self.facts = Facts(name, facts.labels, facts.revision)

    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = lambda _: None
    ) -> Iterator[Scores]:
        """Yields the scores of each batch; each worker has texts that wait for it.

        Raises:
            ScorerError: a worker died again and again, or has another checkpoint.
        """
        turns = iter(range(1 << 62))
        results = keep_busy(
            cut(batches, size=CHUNK_TEXTS),
            start=lambda chunk: self._choose(next(turns)).score.remote(list(chunk.texts)),
            finish=self._finish,
            num_ahead=CHUNKS_PER_WORKER * len(self._workers),
        )
        yield from join_batches(results, advance=advance)

    def close(self) -> None:
        """Leaves the cluster, which ends its workers."""
        self._ray.shutdown()

    def _start(self, checkpoint: str) -> list[Any]:
        resources = self._ray.cluster_resources()
        num_gpus, num_cpus = (int(resources.get(name, 0)) for name in ("GPU", "CPU"))
        actor = self._ray.remote(
            num_cpus=0 if num_gpus else 1,
            num_gpus=1 if num_gpus else 0,
            max_restarts=-1,
            max_task_retries=MAX_RETRIES,
        )(EngineScorer)
        # One thread each: workers do not wait for each other, as threads do.
        return [actor.remote(checkpoint, num_threads=1) for _ in range(num_gpus or num_cpus or 1)]

    def _choose(self, turn: int) -> Any:
        return self._workers[turn % len(self._workers)]

    def _finish(self, reference: Any) -> Scores:
        try:
            scores: Scores = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:  # its message could have anything in it
            raise ScorerError(
                f"a worker of the Ray cluster failed with {type(error).__name__}; "
                "its log on the node says why"
            ) from error
        if scores.revision != self.facts.revision:
            raise ScorerError(
                f"the nodes of the Ray cluster have the checkpoints {self.facts.revision[:12]} and "
                f"{scores.revision[:12]}; give all the same"
            )
        return scores

    @contextmanager
    def _translate(self, what: str) -> Iterator[None]:
        try:
            yield
        except (self._ray.exceptions.RayError, ConnectionError, RuntimeError, ValueError) as error:
            # Ray's message has a traceback; its last line says what was wrong.
            reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise ScorerError(f"{what}: {reason[0]}") from error


@contextmanager
def _keep_handler(number: signal.Signals) -> Iterator[None]:
    """Restores the handler of a signal; only the main thread can set one."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(number)
    try:
        yield
    finally:
        signal.signal(number, handler)
