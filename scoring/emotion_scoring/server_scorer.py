"""Scores texts with running servers, through the client."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import numpy as np
from emotion_client import EmotionClient, EmotionError, InvalidInput, Prediction, ServerError
from emotion_client.waiting import wait_for

from emotion_scoring.batch_scorer import BatchScorer
from emotion_scoring.chunks import cut, join_batches, keep_busy
from emotion_scoring.errors import ScorerError
from emotion_scoring.scorer import Facts, Texts
from emotion_scoring.scores import Scores
from emotion_scoring.text_check import find_problem

CHUNK_TEXTS = 1024  # that a call of `predict_many` gets; it sorts them by length
# Chunks that are asked at a time, so that a server has work while one of them ends.
CHUNKS_PER_SERVER = 2
RESTART_TIMEOUT_S = 120.0  # a server that restarts must not end a long job
NO_TIME_S = 1e-3


class ServerScorer(BatchScorer):
    """One or several servers with the same checkpoint.

    Can be used in `map_batches` of Ray Data and in Spark, where each worker has its own connection.

    Args:
        url: "host:port" of a server's gRPC port, or a list of them.
        column: the texts in the batches that it is called with.
        prefix: of the names of the columns that it adds.
        timeout_s: of a request, with the restart of a server; above 0 and at most a day.

    Raises:
        ValueError: `url` is not "host:port", or `timeout_s` is out of range.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        column: str = "text",
        prefix: str = "",
        timeout_s: float = RESTART_TIMEOUT_S,
    ) -> None:
        super().__init__(column=column, prefix=prefix)
        self.client = EmotionClient(url, timeout_s=timeout_s)
        self._facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What the servers said when they were asked first.

        Raises:
            EmotionError: no server answers.
        """
        if self._facts is None:
            info = self.client.connect()
            name = f"the server at {self.client.url}"
            self._facts = Facts(name, tuple(info.labels), info.revision)
        return self._facts

    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = lambda _: None
    ) -> Iterator[Scores]:
        """Yields the scores of each batch; several chunks are asked at a time.

        Raises:
            EmotionError: a server does not answer.
            ScorerError: a server has another checkpoint than at first.
        """
        num_ahead = CHUNKS_PER_SERVER * len(self.client.urls)
        pool = ThreadPoolExecutor(num_ahead, thread_name_prefix="chunk")
        try:
            results = keep_busy(
                cut(batches, size=CHUNK_TEXTS),
                start=lambda chunk: pool.submit(self._ask, chunk.texts),
                finish=wait_for,
                num_ahead=num_ahead + 1,
            )
            yield from join_batches(results, advance=advance)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # `close` ends what is under way

    def close(self) -> None:
        """Ends the calls in flight, and those that would follow them."""
        self.client.timeout_s = NO_TIME_S
        self.client.close()

    def _ask(self, texts: Texts) -> Scores:
        facts = self.facts
        errors = [find_problem(text) for text in texts]
        found = [i for i, error in enumerate(errors) if error is None]
        probabilities = np.full((len(texts), len(facts.labels)), np.nan, dtype=np.float32)
        truncated = np.zeros(len(texts), dtype=bool)
        answers = self.client.predict_many((cast(str, texts[i]) for i in found), on_error="return")
        for i, answer in zip(found, answers, strict=True):
            if isinstance(answer, EmotionError):
                answer = self._ask_alone(cast(str, texts[i]), failure=answer)
            if isinstance(answer, EmotionError):
                errors[i] = str(answer)
                continue
            check_revision(answer, facts=facts)
            probabilities[i] = [answer.scores[label] for label in facts.labels]
            truncated[i] = answer.truncated
        return Scores(facts.labels, facts.revision, probabilities, truncated, errors)

    def _ask_alone(self, text: str, *, failure: EmotionError) -> Prediction | EmotionError:
        """Asks for a text whose request failed: another text in it may be to blame.

        Raises:
            EmotionError: the server does not answer, which is no fault of any text.
        """
        if not isinstance(failure, InvalidInput | ServerError):
            raise failure
        try:
            return self.client.predict(text)
        except (InvalidInput, ServerError) as error:
            return error


def check_revision(prediction: Prediction, *, facts: Facts) -> None:
    """Raises ScorerError if an answer is from another checkpoint than `facts`."""
    if prediction.revision != facts.revision:
        raise ScorerError(
            f"{facts.name} changed its checkpoint from {facts.revision[:12]} to "
            f"{prediction.revision[:12]}; serve the first again and go on, or start over with "
            "--overwrite"
        )
