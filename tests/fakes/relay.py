"""A TCP relay that breaks connections in every way that a gRPC server cannot.

It listens on 127.0.0.1 and forwards to a port there. One thread with an event loop owns all of its
sockets, so that a reset is one: SO_LINGER 0 and nothing before it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any

CHUNK_BYTES = 1 << 16
TIMEOUT_S = 5.0


class Relay:
    """A relay, as a context manager: listening inside. Safe to use from many threads.

    A connection that finds nobody behind the relay is reset.

    Args:
        target_port: where to forward; may be closed and come back.
        port: where to listen; 0 takes a free one and keeps it.

    Attributes:
        num_connections: how many connections were ever accepted.
    """

    def __init__(self, target_port: int, *, port: int = 0) -> None:
        self.port = port
        self.num_connections = 0
        self._target_port = target_port
        self._live: set[tuple[StreamWriter, StreamWriter]] = set()
        self._num_bytes_left: int | None = None
        self._listener: asyncio.Server | None = None

    def __enter__(self) -> Relay:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="relay")
        self._thread.start()
        self._thawed = asyncio.Event()
        try:
            self._run(self._thaw())
            self._run(self._listen())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._end()

    @property
    def url(self) -> str:
        """The address, "127.0.0.1:PORT"; while it refuses too."""
        return f"127.0.0.1:{self.port}"

    @property
    def num_live(self) -> int:
        """Connections that are forwarded now."""
        return len(self._live)

    def cut(self) -> None:
        """Resets all connections, on both sides; new ones are welcome."""
        self._run(self._cut())

    def freeze(self) -> None:
        """Holds all bytes, also those of connections to come, which are accepted."""
        self._run(self._freeze())

    def thaw(self) -> None:
        """Sends what was held, and forwards again."""
        self._run(self._thaw())

    def refuse(self) -> None:
        """Closes the listener: new connections are refused, those that are there stay."""
        self._run(self._unlisten())

    def restore(self) -> None:
        """Listens again, on the same port."""
        self._run(self._listen())

    def half_close_after(self, num_bytes: int) -> None:
        """Resets the one connection on which the server's next `num_bytes` bytes are complete.

        These bytes still reach the client, and no further one. All bytes count, over all
        connections: also the settings of a new gRPC connection, and what HTTP/2 says between two
        answers. The behaviour `HalfAnswer` counts from within a call.
        """
        self._run(self._arm(num_bytes))

    def _run(self, step: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(step, self._loop).result(TIMEOUT_S)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
            self.port = self._listener.sockets[0].getsockname()[1]

    async def _unlisten(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def _freeze(self) -> None:
        self._thawed.clear()

    async def _thaw(self) -> None:
        self._thawed.set()

    async def _arm(self, num_bytes: int) -> None:
        self._num_bytes_left = num_bytes

    async def _cut(self) -> None:
        for pair in list(self._live):
            for writer in pair:
                reset(writer)
        await asyncio.sleep(0)  # asyncio closes a socket one turn later

    async def _close(self) -> None:
        await self._unlisten()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _forward(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.num_connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        except OSError:
            reset(writer)
            return
        pair = (writer, far_writer)
        self._live.add(pair)
        questions = asyncio.create_task(self._pump(reader, far_writer))
        answers = asyncio.create_task(self._pump(far_reader, writer, is_counted=True))
        try:
            await asyncio.wait([questions, answers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            questions.cancel()
            answers.cancel()
            self._live.discard(pair)
            writer.close()
            far_writer.close()

    async def _pump(
        self, reader: StreamReader, writer: StreamWriter, *, is_counted: bool = False
    ) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                await self._thawed.wait()
                is_last = is_counted and self._count(len(data))
                writer.write(data[: self._num_bytes_left] if is_last else data)
                if is_last:
                    self._num_bytes_left = None
                    reset(writer)
                    return
                await writer.drain()

    def _count(self, num_bytes: int) -> bool:
        if self._num_bytes_left is None:
            return False
        if num_bytes >= self._num_bytes_left:
            return True
        self._num_bytes_left -= num_bytes
        return False


def reset(writer: StreamWriter) -> None:
    """Ends a connection with a RST instead of a FIN."""
    with suppress(OSError):  # it is closed already
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
