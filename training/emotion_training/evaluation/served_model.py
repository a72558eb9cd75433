"""The model of a running server, called through the client as by any other service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from emotion_client import EmotionClient, EmotionError, Prediction, RevisionChanged, ServerError
from emotion_client.waiting import wait_for
from numpy.typing import NDArray

from emotion_training.errors import ModelError
from emotion_training.evaluation.evaluated_model import ModelFacts, check_problem_type


@dataclass(frozen=True, eq=False)
class ServedModel:
    """The model of a running server.

    Attributes:
        facts: what is known about it.
        client: a connection to it.
    """

    facts: ModelFacts
    client: EmotionClient

    def count_steps(self, num_texts: int, *, batch_size: int) -> int:
        """Returns the number of requests: the client sends one for a text."""
        return num_texts

    def predict(
        self, texts: Sequence[str], *, batch_size: int, advance: Callable[[int], object]
    ) -> NDArray[np.float32]:
        """See `EvaluatedModel`; a request has one text, and the server batches them.

        Raises:
            EmotionError: the server does not answer, or its checkpoint changes meanwhile.
        """
        rows = []
        pool = ThreadPoolExecutor(min(batch_size, len(texts)))
        try:
            for each in [pool.submit(self.client.predict, text) for text in texts]:
                prediction = wait_for(each)
                check_prediction(prediction, facts=self.facts)
                rows.append(list(prediction.scores.values()))
                advance(1)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # calls in flight end with the client
        return np.array(rows, dtype=np.float32)


def connect(client: EmotionClient) -> ServedModel:
    """Asks a server for its model, and checks that it answers.

    Raises:
        ModelError: it does not answer, or gives several labels to a text.
    """
    try:
        info = client.connect()
        client.predict("")
    except EmotionError as error:
        raise ModelError(str(error)) from error
    check_problem_type(info.problem_type, name=client.url)
    facts = ModelFacts(
        name=client.url,
        is_served=True,
        labels=info.labels,
        max_length=info.max_length,
        revision=info.revision,
    )
    return ServedModel(facts, client)


def check_prediction(prediction: Prediction, *, facts: ModelFacts) -> None:
    """Refuses an answer from another checkpoint, or whose label is not its most probable one.

    Raises:
        RevisionChanged: it is from another checkpoint than `facts`.
        ServerError: its label is not its most probable one.
    """
    if prediction.revision != facts.revision:
        raise RevisionChanged(
            f"{facts.name}: the server changed its checkpoint from {facts.revision} to "
            f"{prediction.revision} meanwhile; evaluate again"
        )
    if prediction.scores[prediction.label] < max(prediction.scores.values()):
        raise ServerError(
            f"{facts.name}: the server answered {prediction.label!r}, which is not its most "
            "probable label; restart it from this repository"
        )
