"""The door's process.

Its settings are a line of JSON on standard input. Each further line names another Triton to switch
to, and is answered with a line. At the end of the input, the door ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
import threading
from dataclasses import dataclass, field

from aiohttp import web
from emotion_command.output import put

from emotion_server.address import Address, listen
from emotion_server.door.http_port import HttpPort
from emotion_server.door.native import GrpcPort
from emotion_server.errors import StartError

GRACE_S = 15.0


@dataclass(frozen=True)
class Settings:
    """Where the door listens, and what is behind it.

    Attributes:
        address: where it listens.
        triton: where Triton listens, on this machine.
        max_wait_s: the longest that a request waits for its turn.
        admin_key: opens the administrative calls; "" keeps them locked.
    """

    address: Address
    triton: Address
    max_wait_s: float
    admin_key: str = field(repr=False)

    @classmethod
    def read(cls, line: str) -> Settings:
        """Reads a line of JSON."""
        document = json.loads(line)
        address, triton = (Address(**document.pop(name)) for name in ("address", "triton"))
        return cls(address=address, triton=triton, **document)


async def serve(settings: Settings, *, door: GrpcPort) -> None:
    """Serves until SIGTERM; requests that are in get their answers."""
    http = HttpPort(door, settings.address.url, settings.triton, settings.admin_key)
    runner = web.AppRunner(http.build_app(), access_log=None, handle_signals=False)
    await runner.setup()
    metrics = web.AppRunner(http.build_metrics_app(), access_log=None, handle_signals=False)
    await metrics.setup()
    address = settings.address
    for each, port in ((runner, address.http_port), (metrics, address.metrics_port)):
        await web.SockSite(each, listen(address.host, port)).start()
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)

    def follow() -> None:
        for line in sys.stdin:
            http.triton = Address(**json.loads(line))
            door.switch(http.triton.grpc_port)
            print("switched", flush=True)
        loop.call_soon_threadsafe(stopped.set)

    threading.Thread(target=follow, daemon=True).start()
    await stopped.wait()
    await asyncio.to_thread(door.stop, grace_s=GRACE_S)
    for each in (metrics, runner):
        await each.cleanup()


def main() -> int:
    """Reads the settings and serves; returns the exit code."""
    settings = Settings.read(sys.stdin.readline())
    logging.getLogger("aiohttp.server").disabled = True  # it quotes what callers send
    try:
        door = GrpcPort(
            settings.address.host,
            settings.address.grpc_port,
            triton_port=settings.triton.grpc_port,
            max_wait_s=settings.max_wait_s,
        )
    except StartError as error:
        put(f"door: {error}", stream=sys.stderr)
        return 2
    try:
        asyncio.run(serve(settings, door=door))
    except OSError as error:
        put(f"door: {error}", stream=sys.stderr)
        door.stop(grace_s=0)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
