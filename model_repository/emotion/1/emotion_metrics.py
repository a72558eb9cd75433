"""The metrics of the model `emotion`, on Triton's own metrics port."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from threading import Thread

import triton_python_backend_utils as pb_utils
from emotion_engine.classifier import Forward

ROW_BUCKETS = [1, 2, 4, 8, 16, 32, 48, 64, 128, 256, 512, 1024]
TOKEN_BUCKETS = [16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
SECOND_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5]
FAILURES = ("internal", "out_of_memory")


class EmotionMetrics:
    """Histograms with one observation per forward pass, and counters of requests.

    Each observation is a round trip to the Triton process. A separate thread sends those of forward
    passes, so that no request waits for them.
    """

    def __init__(self) -> None:
        # A family that is garbage-collected takes its metrics with it, so keep all of them.
        self._families: list[pb_utils.MetricFamily] = []
        self._rows = self._add_histogram("emotion_batch_rows", "Rows", buckets=ROW_BUCKETS)
        self._tokens = self._add_histogram(
            "emotion_batch_tokens", "Real tokens", buckets=TOKEN_BUCKETS
        )
        self._computed_tokens = self._add_histogram(
            "emotion_computed_tokens", "Tokens, with rounding,", buckets=TOKEN_BUCKETS
        )
        self._seconds = self._add_histogram(
            "emotion_forward_seconds", "Seconds", buckets=SECOND_BUCKETS
        )
        self._invalid = self._add_family(
            "emotion_invalid_requests_total",
            "Requests refused for their input, by reason",
            kind=pb_utils.MetricFamily.COUNTER,
        )
        self._invalid_by_reason: dict[str, pb_utils.Metric] = {}
        # Triton counts a response with an error as a success (triton-inference-server/server#7713).
        self._failed = self._add_family(
            "emotion_failed_requests_total",
            "Good requests that failed, by reason",
            kind=pb_utils.MetricFamily.COUNTER,
        )
        # Start at 0: to Prometheus, the first value of a counter is not an increase.
        self._failed_by_reason = {
            reason: self._failed.Metric(labels={"reason": reason}) for reason in FAILURES
        }
        self._pending: SimpleQueue[Iterable[Forward] | None] = SimpleQueue()
        self._sender = Thread(target=self._send, name="emotion-metrics", daemon=True)
        self._sender.start()

    def observe(self, forwards: Iterable[Forward]) -> None:
        """Records forward passes in the background."""
        self._pending.put(forwards)

    def close(self) -> None:
        """Sends what is left and ends the thread."""
        self._pending.put(None)
        self._sender.join()

    def _send(self) -> None:
        while (forwards := self._pending.get()) is not None:
            self._send_each(forwards)

    def _send_each(self, forwards: Iterable[Forward]) -> None:
        with _logged():
            for forward in forwards:
                self._rows.observe(forward.num_rows)
                self._tokens.observe(forward.num_tokens)
                self._computed_tokens.observe(forward.num_computed_tokens)
                self._seconds.observe(forward.seconds)

    def count_invalid(self, reason: str) -> None:
        """Counts one refused request."""
        with _logged():
            if reason not in self._invalid_by_reason:
                self._invalid_by_reason[reason] = self._invalid.Metric(labels={"reason": reason})
            self._invalid_by_reason[reason].increment(1)

    def count_failed(self, reason: str, *, num_requests: int = 1) -> None:
        """Counts requests that failed for one of `FAILURES`."""
        with _logged():
            self._failed_by_reason[reason].increment(num_requests)

    def _add_histogram(self, name: str, what: str, *, buckets: list[float]) -> pb_utils.Metric:
        family = self._add_family(
            name, f"{what} of a forward pass", kind=pb_utils.MetricFamily.HISTOGRAM
        )
        return family.Metric(labels={}, buckets=buckets)

    def _add_family(self, name: str, description: str, *, kind: int) -> pb_utils.MetricFamily:
        family = pb_utils.MetricFamily(name=name, description=description, kind=kind)
        self._families.append(family)
        return family


@contextmanager
def _logged() -> Iterator[None]:
    """Logs a failure instead of raising it: a metric must not cost a request its answer."""
    try:
        yield
    except Exception:
        with suppress(Exception):
            pb_utils.Logger.log_warn(traceback.format_exc())
