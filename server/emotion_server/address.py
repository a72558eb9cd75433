"""Where a server listens, and whether it can."""

from __future__ import annotations

import argparse
import socket
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from emotion_server.errors import StartError

MAX_PORT = 65535
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # noqa: S104
"""Hosts that stand for all addresses, to how this machine reaches them."""
BACKLOG = 1024


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
        return join(EVERYWHERE.get(self.host, self.host), self.grpc_port)

    def describe(self) -> str:
        """Returns all three addresses, for people."""
        return (
            f"gRPC {join(self.host, self.grpc_port)}, HTTP {join(self.host, self.http_port)}, "
            f"metrics http://{join(self.host, self.metrics_port)}/metrics"
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


def join(host: str, port: int) -> str:
    """Returns "host:port", with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens; on "::" for both versions of IP.

    Raises:
        OSError: the port is taken, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    where = found[0][4]
    listener = socket.socket(family)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # no TIME_WAIT
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listener.bind(where)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener


def is_loopback(host: str) -> bool:
    """Returns whether only this machine reaches a host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def claim_ports(address: Address) -> Address:
    """Returns the address with every 0 replaced by a free port.

    Raises:
        StartError: a port is taken, or the host is not an address of this machine.
    """
    if not address.host:
        raise StartError("--host is empty; 127.0.0.1 serves only this machine")
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
    try:
        listener = stack.enter_context(listen(host, port))
    except socket.gaierror as error:
        raise StartError(f"--host is {host}: {error.strerror}") from error
    except OSError as error:
        raise StartError(
            f"cannot listen on {join(host, port)}: {error.strerror}; "
            f"choose another with {option} or --host"
        ) from error
    return int(listener.getsockname()[1])
