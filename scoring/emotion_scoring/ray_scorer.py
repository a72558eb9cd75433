"""Scores texts with engines on the nodes of a Ray cluster."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from emotion_command.errors import Refusal
from emotion_training.wording import count

from emotion_scoring.chunks import cut, join_batches, keep_busy
from emotion_scoring.engine_scorer import EngineScorer
from emotion_scoring.errors import ScorerError
from emotion_scoring.scorer import Facts, Texts
from emotion_scoring.scores import Scores

LOCAL = "local"
"""The address of a cluster of this machine alone, which is started and ended with the job."""
CHUNK_TEXTS, GPU_CHUNK_TEXTS = 1024, 8192  # that a worker gets at a time
# That are sent before the first of them is back; enough for the others if one worker starts again.
CHUNKS_PER_WORKER = 3
CONNECT_TIMEOUT_S = STOP_TIMEOUT_S = 10.0
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
        Refusal: Ray is not installed.
        ScorerError: there is no such cluster, or its nodes cannot load the checkpoint.
    """

    def __init__(self, checkpoint: str | Path, *, address: str = LOCAL) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else Ray reports home
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else it warns
        self._ray = ray = _import_ray()
        self._workers: list[Any] = []
        self._under_way: dict[Any, int] = {}  # reference to the number of its worker
        with self._translate(f"no Ray cluster answers at {address!r}"):
            _check_port(address)
            options: dict[str, Any] = {"include_dashboard": False} if address == LOCAL else {}
            with _keep_handler(signal.SIGTERM):  # Ray sets its own
                ray.init(address, log_to_driver=False, logging_level="ERROR", **options)
        try:
            with self._translate("the nodes of the Ray cluster cannot load the checkpoint"):
                self._workers = self._start(str(Path(checkpoint).absolute()))
                facts = ray.get(self._workers[0].describe.remote())
        except BaseException:
            self.close()
            raise
        name = f"{count(len(self._workers), 'worker')} on Ray: {facts.name}"
        self.facts = Facts(name, facts.labels, facts.revision)

    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = lambda _: None
    ) -> Iterator[Scores]:
        """Yields the scores of each batch; each worker has texts that wait for it.

        Raises:
            ScorerError: a worker died again and again, or has another checkpoint.
        """
        results = keep_busy(
            cut(batches, size=self._chunk_texts),
            start=lambda chunk: self._begin(chunk.texts),
            finish=self._finish,
            num_ahead=CHUNKS_PER_WORKER * len(self._workers),
        )
        yield from join_batches(results, advance=advance)

    def close(self) -> None:
        """Ends the workers, then leaves the cluster; Ray prints errors if they still work."""
        for worker in self._workers:
            self._ray.kill(worker)
        if self._under_way:
            waiting = list(self._under_way)
            self._ray.wait(waiting, num_returns=len(waiting), timeout=STOP_TIMEOUT_S)
        self._ray.shutdown()

    def _start(self, checkpoint: str) -> list[Any]:
        num_gpus, num_cpus = self._find_free()
        self._chunk_texts = GPU_CHUNK_TEXTS if num_gpus else CHUNK_TEXTS
        actor = self._ray.remote(
            num_cpus=0 if num_gpus else 1,
            num_gpus=1 if num_gpus else 0,
            max_restarts=-1,
            max_task_retries=MAX_RETRIES,
        )(EngineScorer)
        # One thread each: workers do not wait for each other, as threads do.
        return [actor.remote(checkpoint, num_threads=1) for _ in range(num_gpus or num_cpus)]

    def _find_free(self) -> tuple[int, int]:
        """Returns the numbers of GPUs and of CPUs that no other work on the cluster has."""
        end = monotonic() + CONNECT_TIMEOUT_S
        while True:  # a new cluster does not know them at once
            free = self._ray.available_resources()
            num_gpus, num_cpus = (int(free.get(name, 0)) for name in ("GPU", "CPU"))
            if num_gpus or num_cpus:
                return num_gpus, num_cpus
            if monotonic() > end:
                raise ScorerError("the Ray cluster has no free GPU or CPU; wait for its other work")
            sleep(0.1)

    def _begin(self, texts: list[object]) -> Any:
        """Gives texts to the worker that has the fewest: nodes are not equally fast."""
        references, unfinished = list(self._under_way), list[Any]()
        if references:
            _, unfinished = self._ray.wait(references, num_returns=len(references), timeout=0)
        loads = Counter(self._under_way[reference] for reference in unfinished)
        number = min(range(len(self._workers)), key=loads.__getitem__)
        reference = self._workers[number].score.remote(texts)
        self._under_way[reference] = number
        return reference

    def _finish(self, reference: Any) -> Scores:
        try:
            scores: Scores = self._ray.get(reference)
            del self._under_way[reference]
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
        except (self._ray.exceptions.RayError, OSError, RuntimeError, ValueError) as error:
            # Ray's message has a traceback; its last line says what was wrong.
            reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
            raise ScorerError(f"{what}: {reason[0]}") from error


def _import_ray() -> Any:
    """Returns Ray, which has an extra of its own: few machines need it."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise Refusal("ray is missing; run: pip install 'lyric-emotion[ray]'") from error
    return ray


def _check_port(address: str) -> None:
    """Raises OSError where nobody listens; Ray waits there for minutes."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()


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
