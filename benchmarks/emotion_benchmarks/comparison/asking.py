"""How this process asks a server: over HTTP, or with our client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic

import aiohttp
from emotion_client import AsyncEmotionClient, EmotionError

from emotion_benchmarks.comparison.exchange import Answer, Exchange
from emotion_benchmarks.comparison.peers import Peer, PeerError
from emotion_benchmarks.comparison.server_process import ServerProcess

Ask = Callable[[str], Awaitable[Answer]]
TIMEOUT_S = 30.0
POLL_INTERVAL_S = 0.1


@asynccontextmanager
async def connect(peer: Peer, *, server: ServerProcess) -> AsyncIterator[Ask]:
    """Yields a function that asks a server; it raises PeerError."""
    host = "127.0.0.1"
    if peer.exchange is None:
        async with _open_client(f"{host}:{server.place.grpc_port}") as ask:
            yield ask
    else:
        async with _open_http(f"http://{host}:{server.place.port}", peer.exchange) as ask:
            yield ask


async def wait_until_ready(ask: Ask, *, text: str, server: ServerProcess, timeout_s: float) -> None:
    """Asks until the server answers.

    Raises:
        PeerError: it ended, or does not answer.
    """
    end_s = monotonic() + timeout_s
    while True:
        server.check()
        try:
            await ask(text)
        except PeerError as error:
            if monotonic() > end_s:
                raise PeerError(f"no answer within {timeout_s:.0f} s: {error}") from error
            await asyncio.sleep(POLL_INTERVAL_S)
        else:
            return


@asynccontextmanager
async def _open_client(url: str) -> AsyncIterator[Ask]:
    async with AsyncEmotionClient(url, timeout_s=TIMEOUT_S) as client:

        async def ask(text: str) -> Answer:
            try:
                label, confidence = await client.predict(text)
            except EmotionError as error:
                raise PeerError(str(error)) from error
            return Answer(label, confidence)

        yield ask


@asynccontextmanager
async def _open_http(address: str, exchange: Exchange) -> AsyncIterator[Ask]:
    url, headers = address + exchange.path, {"Content-Type": exchange.content_type}
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)
    ) as session:

        async def ask(text: str) -> Answer:
            try:
                async with session.post(url, data=exchange.build(text), headers=headers) as answer:
                    status, body = answer.status, await answer.read()
            except TimeoutError as error:
                raise PeerError(f"no answer within {TIMEOUT_S:.0f} s") from error
            except aiohttp.ClientError as error:
                raise PeerError(f"the connection failed: {type(error).__name__}") from error
            if status != 200:
                raise PeerError(f"expected status 200, got {status}")
            try:
                return exchange.parse(body)
            except (KeyError, ValueError, IndexError, TypeError) as error:
                raise PeerError(f"its answer cannot be read: {type(error).__name__}") from error

        yield ask
