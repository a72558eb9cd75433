"""Servers on 127.0.0.1 that are no Triton, as context managers that give "127.0.0.1:PORT"."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from typing import Any

import grpc

GARBAGE = bytes(range(255, 0, -1))
POLL_INTERVAL_S = 0.02


class HttpHandler(BaseHTTPRequestHandler):
    """An HTTP/1.1 server without a page."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.1"  # of requests that are none: they get an error with a head
    timeout = 0.5  # seconds that a connection may idle

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Stays quiet."""


class QuietServer(ThreadingTCPServer):
    """A thread a connection; callers that hang up are no news."""

    daemon_threads = False  # closing it waits for them

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def http_server() -> Iterator[str]:
    """An HTTP/1.1 server: 404 for every page, 505 for gRPC's HTTP/2."""
    with _serving(HttpHandler) as url:
        yield url


@contextmanager
def silent_server() -> Iterator[str]:
    """Accepts connections, reads nothing and says nothing."""
    over = Event()
    with _serving(_handler(lambda _: over.wait())) as url:
        try:
            yield url
        finally:
            over.set()


@contextmanager
def closing_server() -> Iterator[str]:
    """Accepts connections and closes them at once."""
    with _serving(_handler(lambda _: None)) as url:
        yield url


@contextmanager
def garbage_server() -> Iterator[str]:
    """Accepts connections, writes bytes that are no protocol, and waits for the caller to go."""

    def handle(connection: Any) -> None:
        connection.sendall(GARBAGE)
        while connection.recv(1 << 16):
            pass

    with _serving(_handler(handle)) as url:
        yield url


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


@contextmanager
def _serving(handler: type[BaseRequestHandler]) -> Iterator[str]:
    with QuietServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, args=[POLL_INTERVAL_S])
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _handler(handle: Callable[[Any], object]) -> type[BaseRequestHandler]:
    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            handle(self.request)

    return Handler
