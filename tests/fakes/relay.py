"""A TCP relay on 127.0.0.1 that resets connections, which a gRPC server cannot do.

One thread with an event loop owns all sockets, so that a reset is sent at once: SO_LINGER 0.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from threading import Thread

CHUNK_BYTES = 1 << 16
TIMEOUT_S = 5.0


class Relay:
    """A relay, as a context manager: listening inside. Thread-safe.

    A connection is reset if the target refuses it.

    Args:
        target_port: where to forward.

    Attributes:
        num_connections: accepted so far.
    """

    def __init__(self, target_port: int) -> None:
        self.num_connections = 0
        self._target_port = target_port
        self._writers: set[StreamWriter] = set()
        self._frozen: set[StreamWriter] = set()
        self._num_bytes_left: int | None = None

    def __enter__(self) -> Relay:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="relay")
        self._thread.start()
        self._listener = self._run(asyncio.start_server(self._forward, "127.0.0.1", 0))
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """The address, "127.0.0.1:PORT"."""
        return f"127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Resets all connections, on both sides; new ones are accepted."""
        self._run(self._cut())

    def cut_after(self, num_bytes: int) -> None:
        """Resets the connection on which the server's next `num_bytes` bytes are complete.

        These bytes still reach the client, and no more. All bytes of all connections count, also
        the settings of a new gRPC connection.
        """
        self._num_bytes_left = num_bytes

    def freeze(self) -> None:
        """Forwards nothing more on the connections there are, and keeps them open."""
        self._frozen |= self._writers

    def _run(self, step):
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(TIMEOUT_S)

    async def _cut(self) -> None:
        for writer in list(self._writers):
            reset(writer)
        await asyncio.sleep(0)  # asyncio closes a socket in the next iteration of the loop

    async def _close(self) -> None:
        self._listener.close()
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
        own = {writer, far_writer}
        self._writers |= own
        requests = asyncio.create_task(self._pump(reader, far_writer))
        answers = asyncio.create_task(self._pump(far_reader, writer, is_counted=True))
        try:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([requests, answers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            requests.cancel()
            answers.cancel()
            self._writers -= own
            writer.close()
            far_writer.close()

    async def _pump(self, reader: StreamReader, writer: StreamWriter, *, is_counted=False) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                if writer in self._frozen:
                    continue
                if is_counted and self._num_bytes_left is not None:
                    if len(data) >= self._num_bytes_left:
                        writer.write(data[: self._num_bytes_left])
                        self._num_bytes_left = None
                        reset(writer)
                        return
                    self._num_bytes_left -= len(data)
                writer.write(data)
                await writer.drain()


def reset(writer: StreamWriter) -> None:
    """Ends a connection with a RST instead of a FIN."""
    with suppress(OSError):  # it is already closed
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()
