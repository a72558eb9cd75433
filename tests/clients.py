"""Both clients with the same blocking methods, so that the same tests run with both."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from inspect import iscoroutinefunction
from typing import Any

from emotion_client import AsyncEmotionClient, EmotionClient, Prediction


class AwaitedClient:
    """`AsyncEmotionClient` with the blocking methods of `EmotionClient`. Thread-safe."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._client = AsyncEmotionClient(*args, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not iscoroutinefunction(value):
            return value
        return lambda *args, **options: self._wait(value(*args, **options))

    def start(self, text: str) -> Future[Prediction]:
        """Starts `predict`; cancelling the future cancels the call."""
        return asyncio.run_coroutine_threadsafe(self._client.predict(text), self._loop)

    def predict_many(self, texts: Any, **options: Any) -> Iterator[Any]:
        return self._iterate(self._client.predict_many(texts, **options))

    def __enter__(self) -> AwaitedClient:
        return self

    def __exit__(self, *_: object) -> None:
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
        await self._client.close()
        await self._loop.shutdown_asyncgens()

    def _wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


async def _next(many: Any) -> Any:
    return await anext(many)


CLIENTS = {"sync": EmotionClient, "async": AwaitedClient}
