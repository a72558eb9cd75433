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
from emotion_client.channel import open_triton
from emotion_client.client import PROBE_TEXT
from tritonclient.grpc import InferInput

from emotion_loadtest.samples import Sample, Samples
from emotion_loadtest.server import translated
from emotion_loadtest.texts import make_texts, read_lines

# A clock that never jumps and is the same in every process.
_ORIGIN_S = time.time() - time.perf_counter()


def now_s() -> float:
    """Returns the Unix time."""
    return _ORIGIN_S + time.perf_counter()


class Session:
    """One process's side of a load test.

    Args:
        url: gRPC address of the server, "host:port".
        texts: file of texts, one a line; "" makes lyrics.
        seed: of the lyrics and of the texts' order.
        timeout_s: deadline of a call.
        batch_rows: texts in a batch.
        fire: gets each call as Locust's `request` event.

    Raises:
        EmotionError: the server does not answer.
        DataError: the project's verses are missing.
        TextError: the file has no texts, or the verses give no lyrics.
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
        self.samples = Samples()
        self._timeout_s = timeout_s
        self._batch_rows = batch_rows
        self._fire = fire
        # Before the server is asked, so that a bad file is refused at once.
        lines = read_lines(Path(texts)) if texts else None
        self.client = EmotionClient(url, timeout_s=timeout_s)
        self.triton = open_triton(url)
        try:
            self.info = self.client.connect()
            self.texts = lines if lines is not None else make_texts(self.info, seed=seed)
        except BaseException:
            self.close()
            raise
        order = random.Random(seed).sample(self.texts, len(self.texts))  # noqa: S311
        self._next_text = itertools.cycle(order)

    def check(self) -> None:
        """Asks the server for an answer, for as long as a call may take.

        Raises:
            EmotionError: it does not give one.
        """
        self.client.predict(PROBE_TEXT)

    def close(self) -> None:
        """Closes the connections."""
        self.client.close()
        self.triton.close()

    @property
    def asks(self) -> dict[str, tuple[Callable[[], None], int]]:
        """Name of a call for Locust's statistics, to what makes it and the number of its texts.

        Made anew each time: stored, the methods would keep the session in a reference cycle. Then
        the garbage collector deletes gRPC's channels at the interpreter's exit, where gRPC under
        gevent hung in one of five runs without a server (grpcio 1.85, 2026-11).
        """
        return {
            "text": (self._ask_text, 1),
            "batch": (self._ask_batch, self._batch_rows),
            "raw text": (self._ask_raw_text, 1),
        }

    def call(self, what: str, *, due_s: float) -> None:
        """Makes a call and records how it went.

        Args:
            what: one of `asks`.
            due_s: when it should begin, Unix time.
        """
        ask, num_texts = self.asks[what]
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
            name=what,
            response_time=1000 * latency_s,
            response_length=0,
            exception=error,
            context={},
        )

    def _ask_text(self) -> None:
        self.client.predict(next(self._next_text))

    def _ask_batch(self) -> None:
        list(self.client.predict_many(itertools.islice(self._next_text, self._batch_rows)))

    def _ask_raw_text(self) -> None:
        # As a caller in another language does.
        tensor = InferInput("text", [1, 1], "BYTES")
        tensor.set_data_from_numpy(np.array([[next(self._next_text).encode()]], dtype=object))
        with translated(self.url):
            self.triton.infer("emotion_text", [tensor], client_timeout=self._timeout_s)
