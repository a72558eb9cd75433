"""The client: tokenizes here, classifies on Triton."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from types import TracebackType
from typing import Any

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from emotion_client.arguments import check_text, check_timeout, check_url
from emotion_client.errors import DeadlineExceeded, RevisionChanged, Unavailable, translate
from emotion_client.prediction import Prediction
from emotion_client.protocol import (
    ServerInfo,
    build_inputs,
    parse_info,
    parse_prediction,
)

DEFAULT_URL = "127.0.0.1:8001"
DEFAULT_TIMEOUT_S = 10.0


class EmotionClient:
    """Asks a Triton server for the emotion of texts, over gRPC.

    Tokenizer and labels come from the server, at the first call. Safe to use from many threads.

    Args:
        url: "host:port" of the server's gRPC port.
        timeout_s: seconds that one call may take in all, above 0 and at most a day.

    Raises:
        ValueError: `url` is no "host:port", or `timeout_s` is out of range.

    Example:
        >>> with EmotionClient("127.0.0.1:8001") as client:  # doctest: +SKIP
        ...     label, confidence = client.predict("Rain on the roof, and nobody home")
    """

    def __init__(self, url: str = DEFAULT_URL, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        self.url = check_url(url)
        self.timeout_s = check_timeout(timeout_s)
        self._lock = Lock()
        self._info_lock = Lock()
        self._channel: InferenceServerClient | None = None
        self._info: ServerInfo | None = None

    def predict(self, text: str) -> Prediction:
        """Returns the emotion of one text.

        Args:
            text: any text, empty too, at most 1 MiB as UTF-8; what is beyond the model's
                max_length is not read.

        Raises:
            InvalidInput: `text` is no string, holds a lone surrogate, or is too large.
            DeadlineExceeded: there was no answer within `timeout_s`.
            Overloaded: the server's queue is full.
            Unavailable: nobody listens, or the server is starting, stopping or broken.
            WrongServer: the server has no emotion models, or speaks another protocol.
            RevisionChanged: the server's checkpoint changed twice during this call.
            ServerError: the server failed on this request.
        """
        check_text(text)
        deadline = monotonic() + self.timeout_s
        info = self._info or self._fetch_info(stale=None, deadline=deadline)
        try:
            return self._predict(text, info=info, deadline=deadline)
        except RevisionChanged:
            info = self._fetch_info(stale=info, deadline=deadline)
            return self._predict(text, info=info, deadline=deadline)

    def close(self) -> None:
        """Closes the connection; a later call opens it again."""
        with self._lock:
            channel, self._channel, self._info = self._channel, None, None
        if channel is not None:
            channel.close()

    def __enter__(self) -> EmotionClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _predict(self, text: str, *, info: ServerInfo, deadline: float) -> Prediction:
        encoding = info.tokenizer.encode([text])[0]
        result = self._infer(
            "emotion",
            inputs=build_inputs(encoding),
            parameters={"revision": info.revision},
            deadline=deadline,
        )
        return parse_prediction(result, encoding=encoding, labels=info.labels)

    def _fetch_info(self, *, stale: ServerInfo | None, deadline: float) -> ServerInfo:
        # One thread fetches it; the others wait for that, no longer than their deadline.
        if not self._info_lock.acquire(timeout=max(0.0, deadline - monotonic())):
            raise DeadlineExceeded(f"{self.url}: no answer within {self.timeout_s} s")
        try:
            info = self._info
            if info is None or info is stale:
                result = self._infer("emotion_info", inputs=[], parameters={}, deadline=deadline)
                info = self._info = parse_info(result, url=self.url)
            return info
        finally:
            self._info_lock.release()

    def _infer(
        self, model: str, *, inputs: list[Any], parameters: dict[str, str], deadline: float
    ) -> Any:
        remaining_s = deadline - monotonic()
        if remaining_s <= 0:
            raise DeadlineExceeded(f"{self.url}: no answer within {self.timeout_s} s")
        channel = self._connect()
        try:
            return channel.infer(model, inputs, client_timeout=remaining_s, parameters=parameters)
        except (InferenceServerException, ValueError) as error:
            if channel is not self._channel:
                raise Unavailable(f"{self.url}: the client was closed during the call") from error
            if isinstance(error, ValueError):
                raise
            raise translate(error, url=self.url) from error

    def _connect(self) -> InferenceServerClient:
        with self._lock:
            if self._channel is None:
                self._channel = InferenceServerClient(self.url)
            return self._channel
