"""Both clients behind one face, so that the same tests are for both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any

from emotion_client import AsyncEmotionClient, EmotionClient, Prediction, ServerInfo, SongPrediction


class AwaitedClient:
    """`AsyncEmotionClient` with the blocking methods of `EmotionClient`, for any thread."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.client = AsyncEmotionClient(*args, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    @property
    def urls(self) -> tuple[str, ...]:
        return self.client.urls

    @property
    def url(self) -> str:
        return self.client.url

    @property
    def timeout_s(self) -> float:
        return self.client.timeout_s

    @property
    def info(self) -> ServerInfo | None:
        return self.client.info

    def connect(self) -> ServerInfo:
        return self._wait(self.client.connect())

    def is_ready(self) -> bool:
        return self._wait(self.client.is_ready())

    def predict(self, text: str) -> Prediction:
        return self._wait(self.client.predict(text))

    def start(self, text: str) -> Future[Prediction]:
        """Starts `predict`; cancelling the future cancels the call."""
        return asyncio.run_coroutine_threadsafe(self.client.predict(text), self._loop)

    def predict_many(self, texts: Any, **options: Any) -> Iterator[Any]:
        return self._iterate(self.client.predict_many(texts, **options))

    def predict_song(self, lyrics: str, **options: Any) -> SongPrediction:
        return self._wait(self.client.predict_song(lyrics, **options))

    def close(self) -> None:
        self._wait(self.client.close())

    def __enter__(self) -> AwaitedClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _iterate(self, many: Any) -> Iterator[Any]:
        try:
            while True:
                try:
                    yield self._wait(_next(many))
                except StopAsyncIteration:
                    return
        finally:
            self._wait(many.aclose())

    async def _end(self) -> None:
        await self.client.close()
        await self._loop.shutdown_asyncgens()

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _next(many: Any) -> Any:
    return await anext(many)


CLIENTS = {"sync": EmotionClient, "async": AwaitedClient}
