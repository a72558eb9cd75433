"""The HTTP port in front of Triton: health, inference, and what Triton says about itself.

Inference goes to the gRPC port, so that callers of both have the same checks and one queue.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import grpc
import grpc.aio
from aiohttp import web
from emotion_client.channel import METHOD

from emotion_server.address import Address
from emotion_server.admin_calls import HEADER
from emotion_server.door.http_body import (
    BadBody,
    NoJson,
    read_binary_outputs,
    read_request,
    write_response,
)
from emotion_server.door.native import GrpcPort

MAX_BODY_BYTES = 8 * 2**20
READ_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 60.0
LONG_BODY_BYTES = 64 * 2**10
HEADER_LEN = "Inference-Header-Content-Length"
PRIORITY = "request-priority"
INFER = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")
# Of Triton itself; none of these reads a body.
OPEN_PATHS = re.compile(r"/v2/?|/v2/models/(stats|[^/]+(/versions/[^/]+)?(/ready|/config|/stats)?)")
LOCKED_PATHS = re.compile(
    r"/v2/(repository|systemsharedmemory|cudasharedmemory|trace|logging)(/.*)?"
    r"|/v2/models/[^/]+/(trace/setting|(system|cuda)sharedmemory/.*)"
)
STATUSES = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 413,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)

METRICS = """\
# HELP emotion_waiting_requests Requests that wait at the door for their turn
# TYPE emotion_waiting_requests gauge
emotion_waiting_requests {}
# HELP emotion_refused_requests_total Requests that the door refused because of too much load
# TYPE emotion_refused_requests_total counter
emotion_refused_requests_total {}
"""


@dataclass
class HttpPort:
    """Answers HTTP.

    Args:
        door: says whether the models answer.
        grpc_url: "host:port" of the door's gRPC port.
        triton: where Triton listens; it may change.
        admin_key: opens the administrative calls; "" keeps them locked.
    """

    door: GrpcPort
    grpc_url: str
    triton: Address
    admin_key: str = field(repr=False)

    def build_app(self) -> web.Application:
        """Returns the application."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/v2/health/live", self._live)
        app.router.add_get("/v2/health/ready", self._ready)
        app.router.add_get("/v2/health/started", self._started)
        app.router.add_route("*", "/{path:.*}", self._answer)
        app.cleanup_ctx.append(self._connect)
        return app

    def build_metrics_app(self) -> web.Application:
        """Returns the application of the metrics port; the other one must run."""
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        return app

    async def _connect(self, app: web.Application) -> AsyncIterator[None]:
        async with (
            aiohttp.ClientSession(
                # A connection that is kept would delay the end of a Triton.
                connector=aiohttp.TCPConnector(force_close=True),
                timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S),
                skip_auto_headers=["Accept-Encoding"],
            ) as self._session,
            grpc.aio.insecure_channel(self.grpc_url, options=OPTIONS) as channel,
        ):
            self._infer_call = channel.unary_unary(METHOD)
            yield

    async def _live(self, request: web.Request) -> web.Response:
        return web.Response()

    async def _ready(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self.door.is_up else 503)

    async def _started(self, request: web.Request) -> web.Response:
        return web.Response(status=200 if self.door.has_started else 503)

    async def _answer(self, request: web.Request) -> web.Response:
        path = request.rel_url.raw_path
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                body = await request.read()
        except TimeoutError:
            return refuse(408, f"the body did not come within {READ_TIMEOUT_S:g} s")
        except web.HTTPRequestEntityTooLarge:
            return refuse(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        if request.method == "POST" and (match := INFER.fullmatch(path)) is not None:
            return await self._infer(request, body=body, model=match[1], version=match[2] or "")
        if LOCKED_PATHS.fullmatch(path) is not None:
            key = request.headers.get(HEADER, "").encode()
            if not self.admin_key or not hmac.compare_digest(key, self.admin_key.encode()):
                return refuse(403, f"This API is restricted, expecting header '{HEADER}'")
            return await self._pass_on(request, path=path, body=body)
        if request.method == "GET" and OPEN_PATHS.fullmatch(path) is not None:
            return await self._pass_on(request, path=path, body=b"")
        return refuse(404, "there is no such call")

    async def _infer(
        self, request: web.Request, *, body: bytes, model: str, version: str
    ) -> web.Response:
        given = request.headers.get(HEADER_LEN)
        if given is not None and not (given.isascii() and given.isdecimal() and len(given) < 10):
            return refuse(400, f"{HEADER_LEN} is no length")
        header_len = None if given is None else int(given)

        def read() -> tuple[bytes, set[str] | None]:
            found = read_request(body, header_len=header_len, model=model, version=version)
            return found.SerializeToString(), read_binary_outputs(body, header_len=header_len)

        try:
            is_long = len(body) > LONG_BODY_BYTES
            message, binary = await asyncio.to_thread(read) if is_long else read()
            answer = await self._infer_call(
                message,
                timeout=CALL_TIMEOUT_S,
                metadata=[(PRIORITY, request.headers.get(PRIORITY, ""))],
            )
        except NoJson as error:
            return refuse(500, str(error))  # as Triton's own port
        except BadBody as error:
            return refuse(400, str(error))
        except grpc.aio.AioRpcError as error:
            return refuse(STATUSES.get(error.code(), 500), error.details() or "no reason given")
        content, json_len = write_response(answer, binary=binary)
        if json_len is None:
            return web.Response(body=content, content_type="application/json")
        return web.Response(
            body=content,
            content_type="application/octet-stream",
            headers={HEADER_LEN: str(json_len)},
        )

    async def _metrics(self, request: web.Request) -> web.Response:
        answer = await self._pass_on(
            request, path="/metrics", port=self.triton.metrics_port, body=b""
        )
        if answer.status == 200:
            assert isinstance(answer.body, bytes)
            values = (self.door.num_waiting, self.door.num_refused)
            answer.body += METRICS.format(*values).encode()
        return answer

    async def _pass_on(
        self, request: web.Request, *, path: str, body: bytes, port: int | None = None
    ) -> web.Response:
        url = f"http://{self.triton.host}:{port or self.triton.http_port}{path}"
        try:
            async with self._session.request(
                request.method, url, data=body or None, headers={HEADER: self.admin_key}
            ) as answer:
                content = await answer.read()
        except (aiohttp.ClientError, TimeoutError):
            return refuse(503, "the models are starting; ask again in some seconds")
        kind = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
        return web.Response(status=answer.status, body=content, headers=kind)


def refuse(status: int, sentence: str) -> web.Response:
    """Returns an error in Triton's form."""
    return web.json_response({"error": sentence}, status=status)
