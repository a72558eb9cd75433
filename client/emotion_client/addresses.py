"""Addresses: from "host:port" to what gRPC connects to, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address


@dataclass(frozen=True)
class Address:
    """One address of a server.

    Attributes:
        url: "host:port" as the caller wrote it.
        target: what gRPC connects to, such as "ipv4:10.0.0.3:8001".
        authority: the name that the server's certificate must match; None if the host is an IP
            address, which must match itself.
    """

    url: str
    target: str
    authority: str | None

    def __str__(self) -> str:
        if self.authority is None:
            return self.url
        return f"{self.url} at {self.target.partition(':')[2]}"


def split_url(url: str) -> tuple[str, int]:
    """Returns host and port; the host of "[::1]:8001" is "::1"."""
    host, _, port = url.rpartition(":")
    return host.strip("[]"), int(port)


def is_literal(url: str) -> bool:
    """Returns whether the host is an IP address, which needs no look-up."""
    try:
        ip_address(split_url(url)[0])
    except ValueError:
        return False
    return True


def list_addresses(url: str, *, ips: Iterable[str]) -> list[Address]:
    """Returns the addresses of a host with these IP addresses, without duplicates."""
    host, port = split_url(url)
    authority = None if is_literal(url) else host
    return [Address(url, _target(ip, port), authority) for ip in dict.fromkeys(ips)]


def _target(ip: str, port: int) -> str:
    address = ip_address(ip)
    return f"ipv4:{address}:{port}" if address.version == 4 else f"ipv6:[{address}]:{port}"
