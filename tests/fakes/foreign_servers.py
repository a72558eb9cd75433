"""Servers on 127.0.0.1 that are not a Triton, as context managers that give "127.0.0.1:PORT"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from socket import socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread

import grpc

GARBAGE = bytes(range(255, 0, -1))
HTTP_ERROR = b"HTTP/1.1 505 HTTP Version Not Supported\r\nContent-Length: 0\r\n\r\n"
POLL_INTERVAL_S = 0.02


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections, reads nothing and says nothing."""
    over = Event()
    with _serving(lambda _: over.wait()) as url:
        try:
            yield url
        finally:
            over.set()


def closing_server():
    """Accepts connections and closes them at once."""
    return _serving(lambda _: None)


def garbage_server():
    """Answers with bytes that are not in any protocol."""
    return _serving(lambda connection: _say(connection, GARBAGE))


def http_server():
    """Answers as an HTTP/1.1 server answers HTTP/2."""
    return _serving(lambda connection: _say(connection, HTTP_ERROR))


@contextmanager
def empty_grpc_server() -> Iterator[str]:
    """A gRPC server without any service: UNIMPLEMENTED for every call."""
    with ThreadPoolExecutor(1) as pool:
        server = grpc.server(pool, options=[("grpc.so_reuseport", 0)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(0).wait()


def _say(connection: socket, answer: bytes) -> None:
    """Sends the answer and waits for the caller to hang up."""
    with suppress(ConnectionError):
        connection.sendall(answer)
        while connection.recv(1 << 16):
            pass


@contextmanager
def _serving(handle: Callable[[socket], object]) -> Iterator[str]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:  # its end waits for all handlers
        thread = Thread(target=server.serve_forever, args=[POLL_INTERVAL_S])
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
