"""The door's process; its settings are a line of JSON on standard input."""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
from dataclasses import dataclass, field

from aiohttp import web

from emotion_server.door.http_port import HttpPort
from emotion_server.door.native import GrpcPort
from emotion_server.errors import StartError

GRACE_S = 15.0
MAX_FILES = 65_536  # each connection is one


@dataclass(frozen=True)
class Settings:
    """Where the door listens, and what is behind it.

    Attributes:
        host: address to bind.
        grpc_port: gRPC.
        http_port: HTTP.
        triton_grpc_port: Triton's gRPC port, on this machine.
        triton_http_port: the same for HTTP.
        max_wait_s: the longest that a request waits for its turn.
        admin_key: opens the administrative calls; "" keeps them locked.
    """

    host: str
    grpc_port: int
    http_port: int
    triton_grpc_port: int
    triton_http_port: int
    max_wait_s: float
    admin_key: str = field(repr=False)


async def serve(settings: Settings, *, door: GrpcPort) -> None:
    """Serves until SIGTERM; requests that are in get their answers."""
    # Where this process reaches its own port.
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104
    port = HttpPort(
        door,
        f"{host}:{settings.grpc_port}",
        f"http://127.0.0.1:{settings.triton_http_port}",
        settings.admin_key,
    )
    runner = web.AppRunner(port.build_app(), access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, settings.host, settings.http_port, reuse_address=True).start()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    await asyncio.to_thread(door.stop, grace_s=GRACE_S)
    await runner.cleanup()


def main() -> int:
    """Reads the settings and serves; returns the exit code."""
    settings = Settings(**json.loads(sys.stdin.readline()))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    num_files = MAX_FILES if most == resource.RLIM_INFINITY else min(most, MAX_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (num_files, most))
    try:
        door = GrpcPort(
            settings.host,
            settings.grpc_port,
            triton_port=settings.triton_grpc_port,
            max_wait_s=settings.max_wait_s,
        )
    except StartError as error:
        print(f"door: {error}", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(settings, door=door))
    except OSError as error:
        print(f"door: {error}", file=sys.stderr)
        door.stop(grace_s=0)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
