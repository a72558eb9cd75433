"""The asynchronous client. `client` has the same methods, blocking."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar, overload

import grpc

from emotion_client.arguments import (
    check_headers,
    check_on_error,
    check_text,
    check_texts,
    check_timeout,
    check_urls,
)
from emotion_client.bulk import MAX_IN_FLIGHT, Group, Window, group
from emotion_client.calls import Command, Compute, Deadline, Flow, Infer, Job, LookUp, ask, probe
from emotion_client.channel import TLS, Connection, complete_headers
from emotion_client.client import (
    DEFAULT_TIMEOUT_S,
    DEFAULT_URL,
    PROBE_TEXT,
    reduce_to_settings,
)
from emotion_client.errors import EmotionError, ServiceError, translate
from emotion_client.jobs import info_job, song_job, text_job
from emotion_client.lookup import look_up_async
from emotion_client.pool import Pool, Replica
from emotion_client.prediction import Prediction
from emotion_client.protocol import ServerInfo
from emotion_client.song import SongPrediction, check_by

T = TypeVar("T")


class AsyncEmotionClient:
    """Classifies the emotion of texts on Triton servers over gRPC, without blocking the event loop.

    `EmotionClient` documents the methods in full. Cancelling a call also cancels it on the server.
    Use it from one event loop at a time; in another loop it connects again.

    Args:
        url: "host:port" of the server's gRPC port, or a list of them. The entries of a list, and
            the addresses of a host that has several, are replicas: calls go to them in turn,
            except to those that fail.
        timeout_s: seconds that one call may take, with retries; above 0 and at most a day.
        tls: certificates for an encrypted connection; None for a plain one.
        headers: sent with every call, for a proxy or Triton's restricted protocols.

    Raises:
        ValueError: `url` is not "host:port", `timeout_s` is out of range, or a header is invalid.

    Example:
        >>> import asyncio
        >>> async def main():
        ...     async with AsyncEmotionClient("127.0.0.1:8001") as client:
        ...         return await client.predict("I danced all night and the stars danced too")
        >>> label, confidence = asyncio.run(main())
        >>> label
        'joy'
    """

    def __init__(
        self,
        url: str | Sequence[str] = DEFAULT_URL,
        *,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        tls: TLS | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.urls = check_urls(url)
        self.timeout_s = check_timeout(timeout_s)
        self._tls, self._headers = tls, check_headers(headers)
        self._home: tuple[int, asyncio.AbstractEventLoop] | None = None
        self._pool: Pool | None = None
        self._abandoned: list[Pool] = []

    @property
    def url(self) -> str:
        """The address, or all addresses separated by commas."""
        return ",".join(self.urls)

    @property
    def info(self) -> ServerInfo | None:
        """What a server said last about its checkpoint; None before the first call."""
        return self._pool.info if self._pool is not None else None

    async def connect(self) -> ServerInfo:
        """Asks a server what it serves, unless that is known, like `EmotionClient.connect`."""
        return await self._ask(info_job())

    async def is_ready(self) -> bool:
        """Returns whether a server gives a real answer now, without retries."""
        pool = self._open()
        flow = probe(pool, text_job(PROBE_TEXT), deadline=Deadline.after(self.timeout_s))
        return await self._run(flow, pool=pool)

    async def predict(self, text: str) -> Prediction:
        """Returns the emotion of one text, like `EmotionClient.predict`.

        Raises:
            EmotionError: as documented there.

        Example:
            >>> import asyncio
            >>> async def main():
            ...     async with AsyncEmotionClient("127.0.0.1:8001") as client:
            ...         texts = ["I adore you", "Get out of my house!"]
            ...         return await asyncio.gather(*(client.predict(text) for text in texts))
            >>> [prediction.label for prediction in asyncio.run(main())]
            ['love', 'anger']
        """
        check_text(text)
        return await self._ask(text_job(text))

    @overload
    def predict_many(
        self, texts: Iterable[str] | AsyncIterable[str], *, on_error: Literal["raise"] = "raise"
    ) -> AsyncIterator[Prediction]: ...

    @overload
    def predict_many(
        self, texts: Iterable[str] | AsyncIterable[str], *, on_error: Literal["return"]
    ) -> AsyncIterator[Prediction | EmotionError]: ...

    def predict_many(
        self,
        texts: Iterable[str] | AsyncIterable[str],
        *,
        on_error: Literal["raise", "return"] = "raise",
    ) -> AsyncIterator[Prediction | EmotionError]:
        """Yields the emotion of each text in order, like `EmotionClient.predict_many`.

        Args:
            texts: any iterable of texts, asynchronous or not.
            on_error: "raise" or "return".

        Raises:
            ValueError: `on_error` is something else.
            EmotionError: as documented there.

        Example:
            >>> import asyncio
            >>> async def main():
            ...     async with AsyncEmotionClient("127.0.0.1:8001") as client:
            ...         many = client.predict_many(["I adore you", "Get out of my house!"])
            ...         return [prediction.label async for prediction in many]
            >>> asyncio.run(main())
            ['love', 'anger']
        """
        check_texts(texts)
        return self._predict_many(_iterate(texts), is_returned=check_on_error(on_error))

    async def predict_song(
        self, lyrics: str, *, by: Literal["auto", "stanzas", "windows"] = "auto"
    ) -> SongPrediction:
        r"""Returns the emotion of a whole song and its parts, like `EmotionClient.predict_song`.

        Raises:
            ValueError: `by` is something else.
            EmotionError: as documented there.

        Example:
            >>> import asyncio
            >>> async def main():
            ...     async with AsyncEmotionClient("127.0.0.1:8001") as client:
            ...         return await client.predict_song("I miss you\n\nI love you")
            >>> [part.prediction.label for part in asyncio.run(main()).parts]
            ['sadness', 'love']
        """
        check_text(lyrics, name="lyrics")
        check_by(by)
        return await self._ask(song_job(lyrics, by=by))

    async def close(self) -> None:
        """Closes the connections, which ends calls in flight; a later call opens them again."""
        pool, self._pool = self._pool, None
        if pool is None or self._home != _here():
            return
        pool.is_closed = True
        for replica in pool.replicas:
            if replica.connection is not None:
                await replica.connection.channel.close()

    def __reduce__(self) -> tuple[Any, ...]:
        return reduce_to_settings(self)

    async def __aenter__(self) -> AsyncEmotionClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _predict_many(
        self, texts: AsyncIterator[object], *, is_returned: bool
    ) -> AsyncIterator[Prediction | EmotionError]:
        workers = asyncio.Semaphore(MAX_IN_FLIGHT)
        under_way: deque[tuple[Window, list[asyncio.Task[None]]]] = deque()
        try:
            window = None
            while window is None or not window.is_last:
                window = Window.after(window)
                await _fill(window, texts, is_returned=is_returned)
                groups = await self._group(window)
                settled = [asyncio.create_task(self._settle(each, workers)) for each in groups]
                under_way.append((window, settled))
                if window.first == 0 or len(under_way) > 1:
                    async for result in _collect(under_way[0], is_returned=is_returned):
                        yield result
                    under_way.popleft()
            while under_way:
                async for result in _collect(under_way[0], is_returned=is_returned):
                    yield result
                under_way.popleft()
        finally:
            for _, settled in under_way:
                for each in settled:
                    each.cancel()

    async def _group(self, window: Window) -> list[Group]:
        if not window.is_open():
            return []
        try:
            info = self.info or await self.connect()
            return await asyncio.to_thread(group, window, info=info)
        except ServiceError as error:
            window.fail(error)
            return []

    async def _settle(self, one: Group, workers: asyncio.Semaphore) -> None:
        async with workers:
            try:
                predictions = await self._ask(one.job)
            except EmotionError as error:
                one.settle(error)
            else:
                one.settle(predictions)

    async def _ask(self, job: Job[T]) -> T:
        pool = self._open()
        return await self._run(ask(pool, job, deadline=Deadline.after(self.timeout_s)), pool=pool)

    def _open(self) -> Pool:
        here = _here()
        if self._home != here:  # another loop, or forked: leave the parent's connections alone
            if self._home is not None and self._home[0] != here[0] and self._pool is not None:
                self._abandoned.append(self._pool)
            self._home, self._pool = here, None
        if self._pool is None:
            self._pool = Pool(self.urls)
        return self._pool

    async def _run(self, flow: Flow[T], *, pool: Pool) -> T:
        try:
            command = next(flow)
            while True:
                try:
                    result = await self._perform(command, pool=pool)
                except BaseException as error:
                    command = flow.throw(error)
                else:
                    command = flow.send(result)
        except StopIteration as done:
            value: T = done.value
            return value

    async def _perform(self, command: Command, *, pool: Pool) -> Any:
        if isinstance(command, Infer):
            return await self._infer(command, pool=pool)
        if isinstance(command, LookUp):
            return await look_up_async(command.url, timeout_s=command.timeout_s)
        if isinstance(command, Compute):
            thread = asyncio.to_thread(command.function)
            return await asyncio.wait_for(thread, command.timeout_s)
        return await asyncio.sleep(command.seconds)

    async def _infer(self, command: Infer, *, pool: Pool) -> Any:
        connection = self._connection(command.replica, pool=pool)
        try:
            return await connection.infer(
                command.request,
                timeout=command.timeout_s,
                metadata=complete_headers(self._headers, is_bulk=command.is_bulk),
            )
        except grpc.RpcError as error:
            url = str(command.replica.address)
            raise translate(error.code().name, error.details(), url=url) from error
        except (grpc.aio.UsageError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is None or not task.cancelling():  # the channel was closed
                pool.check_open()
            raise

    def _connection(self, replica: Replica, *, pool: Pool) -> Connection:
        pool.check_open()
        if replica.connection is None:
            replica.connection = Connection(replica.address, tls=self._tls, module=grpc.aio)
        found: Connection = replica.connection
        return found


def _here() -> tuple[int, asyncio.AbstractEventLoop]:
    return os.getpid(), asyncio.get_running_loop()


async def _iterate(texts: Iterable[object] | AsyncIterable[object]) -> AsyncIterator[object]:
    if isinstance(texts, AsyncIterable):
        async for text in texts:
            yield text
    else:
        for text in texts:
            yield text


async def _fill(window: Window, texts: AsyncIterator[object], *, is_returned: bool) -> None:
    try:
        while window.add(await anext(texts), is_returned=is_returned):
            pass
    except StopAsyncIteration:
        window.end()
    except Exception as error:  # the caller's; raised after the results before it
        window.end(failure=error)


async def _collect(
    under_way: tuple[Window, list[asyncio.Task[None]]], *, is_returned: bool
) -> AsyncIterator[Prediction | EmotionError]:
    window, settled = under_way
    for each in settled:
        await each
    for result in window.read(is_returned=is_returned):
        yield result
