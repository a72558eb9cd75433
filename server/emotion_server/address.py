"""Where a server listens, and whether it can."""

from __future__ import annotations

import argparse
import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from emotion_server.errors import StartError

MAX_PORT = 65535


@dataclass(frozen=True)
class Address:
    """Where a server listens.

    Attributes:
        host: address to bind; only this machine reaches 127.0.0.1.
        http_port: HTTP; 0 takes a free one, as for the others.
        grpc_port: gRPC.
        metrics_port: Prometheus metrics.
    """

    host: str = "127.0.0.1"
    http_port: int = 8000
    grpc_port: int = 8001
    metrics_port: int = 8002

    @property
    def url(self) -> str:
        """The gRPC address as clients on this machine write it."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104
        return f"{host}:{self.grpc_port}"

    def describe(self) -> str:
        """Returns all three addresses, for people."""
        return (
            f"gRPC {self.host}:{self.grpc_port}, HTTP {self.host}:{self.http_port}, "
            f"metrics http://{self.host}:{self.metrics_port}/metrics"
        )


FREE_PORTS = Address(http_port=0, grpc_port=0, metrics_port=0)
"""Free ports of 127.0.0.1."""


def add_address_options(parser: argparse.ArgumentParser) -> None:
    """Adds --host and one option for each port; the defaults are those of `Address`."""
    default = Address()
    parser.add_argument(
        "--host",
        default=default.host,
        help="address to bind; 0.0.0.0 lets other machines call, without authentication "
        "(%(default)s)",
    )
    for name, use in (("http", "HTTP"), ("grpc", "gRPC"), ("metrics", "Prometheus metrics")):
        parser.add_argument(
            f"--{name}-port",
            type=int,
            default=getattr(default, f"{name}_port"),
            metavar="PORT",
            help=f"{use}; 0 takes a free port (%(default)s)",
        )


def claim_ports(address: Address) -> Address:
    """Returns the address with every 0 replaced by a free port.

    Raises:
        StartError: a port is taken, or the host is not an address of this machine.
    """
    if not address.host:
        raise StartError("--host is empty; 127.0.0.1 serves only this machine")
    if ":" in address.host:
        raise StartError(f"--host is {address.host}; Triton's gRPC port takes no IPv6 address")
    names = ("http_port", "grpc_port", "metrics_port")
    wanted = [getattr(address, name) for name in names]
    repeated = [port for port in wanted if port and wanted.count(port) > 1]
    if repeated:
        raise StartError(f"port {repeated[0]} is given twice; HTTP, gRPC and metrics need one each")
    with ExitStack() as stack:
        ports: dict[str, Any] = {
            name: _claim(stack, address.host, port, option=f"--{name.replace('_', '-')}")
            for name, port in zip(names, wanted, strict=True)
        }
    return replace(address, **ports)


def _claim(stack: ExitStack, host: str, port: int, *, option: str) -> int:
    if not 0 <= port <= MAX_PORT:
        raise StartError(f"{option} is {port}; it must be 0 to {MAX_PORT}")
    listener = stack.enter_context(socket.socket())
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Triton does: no TIME_WAIT
    try:
        listener.bind((host, port))
        listener.listen()
    except socket.gaierror as error:
        raise StartError(f"--host is {host}: {error.strerror}") from error
    except OSError as error:
        raise StartError(
            f"cannot listen on {host}:{port}: {error.strerror}; "
            f"choose another with {option} or --host"
        ) from error
    return int(listener.getsockname()[1])
