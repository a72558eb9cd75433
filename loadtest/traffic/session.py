"""What the users of one process share: the connection, the texts, and the record of their calls."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from emotion_client import EmotionClient
from emotion_client.errors import translate
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from traffic.samples import Sample, Samples
from traffic.texts import make_texts, read_lines

# A clock that never jumps, and that processes share.
_ORIGIN_S = time.time() - time.perf_counter()


def now_s() -> float:
    """Returns the Unix time."""
    return _ORIGIN_S + time.perf_counter()


class Session:
    """One process's side of a load test.

    Args:
        url: gRPC address of the server, "host:port".
        texts: file of texts, one a line; "" makes lyrics.
        seed: of the lyrics.
        timeout_s: deadline of a call.
        batch_rows: texts of a call that asks for many.
        fire: gets each call as Locust's `request` event.

    Raises:
        EmotionError: the server does not answer.
        DataError: the project's verses are not there.
        TextError: the file has no texts.
    """

    def __init__(
        self,
        url: str,
        *,
        texts: str,
        seed: int,
        timeout_s: float,
        batch_rows: int,
        fire: Callable[..., Any],
    ) -> None:
        self.url = url
        self.timeout_s = timeout_s
        self.batch_rows = batch_rows
        self.samples = Samples()
        self._fire = fire
        # Before the server is asked: a file that has none costs no wait.
        lines = read_lines(Path(texts)) if texts else None
        self.client = EmotionClient(url, timeout_s=timeout_s)
        self.triton = InferenceServerClient(url)
        try:
            self.info = self.client.connect()
            self.texts = lines if lines is not None else make_texts(self.info, seed=seed)
        except BaseException:
            self.close()
            raise
        order = random.Random(seed).sample(self.texts, len(self.texts))  # noqa: S311
        self._next_text = itertools.cycle(order)

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()
        self.triton.close()

    def ask_text(self) -> int:
        """Classifies one text; returns how many that were."""
        self.client.predict(next(self._next_text))
        return 1

    def ask_batch(self) -> int:
        """Classifies many texts by `predict_many`."""
        return len([*self.client.predict_many(itertools.islice(self._next_text, self.batch_rows))])

    def ask_raw_text(self) -> int:
        """Has the server tokenize and classify one text, as a caller in another language does."""
        tensor = InferInput("text", [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[next(self._next_text).encode()]], dtype=object))
        try:
            self.triton.infer("emotion_text", [tensor], client_timeout=self.timeout_s)
        except InferenceServerException as error:
            raise translate(error.status(), error.message(), url=self.url) from error
        return 1

    def measure(self, name: str, ask: Callable[[], int], *, num_texts: int, due_s: float) -> None:
        """Makes a call and records how it went.

        Args:
            name: for Locust's statistics.
            ask: makes the call; it raises EmotionError.
            num_texts: that it asks for.
            due_s: when it should begin, Unix time.
        """
        begin_s = now_s()
        error: BaseException | None = None
        try:
            ask()
        except Exception as caught:
            error = caught
        except BaseException as caught:  # Locust ends calls that outlast a run by far
            error = caught
            raise
        finally:
            latency_s = now_s() - due_s
            failure = type(error).__name__ if error else ""
            self.samples.add(Sample(due_s, begin_s - due_s, latency_s, num_texts, failure))
        self._fire(
            request_type="gRPC",
            name=name,
            response_time=1000 * latency_s,
            response_length=0,
            exception=error,
            context={},
        )
