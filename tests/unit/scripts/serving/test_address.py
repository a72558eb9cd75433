"""Where a server listens, by `scripts/serving/address.py`."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from serving.address import Address, claim_ports
from serving.start_error import StartError

HOST = "127.0.0.1"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        listener.listen()
        yield listener.getsockname()[1]


def find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def test_claim_ports_zeros_become_three_free_ports() -> None:
    address = claim_ports(Address(HOST, 0, 0, 0))
    ports = {address.http_port, address.grpc_port, address.metrics_port}
    assert len(ports) == 3
    for port in ports:
        with socket.socket() as listener:
            listener.bind((HOST, port))


def test_claim_ports_given_ports_are_kept() -> None:
    port = find_free_port()
    assert claim_ports(Address(HOST, 0, port, 0)).grpc_port == port


@pytest.mark.parametrize("option", ["--http-port", "--grpc-port", "--metrics-port"])
def test_claim_ports_taken_port_is_named_with_its_option(taken_port: int, option: str) -> None:
    name = option.removeprefix("--").replace("-", "_")
    ports = {"http_port": 0, "grpc_port": 0, "metrics_port": 0, name: taken_port}
    with pytest.raises(
        StartError, match=rf"cannot listen on {HOST}:{taken_port}: .*in use; .*{option}"
    ):
        claim_ports(Address(HOST, **ports))


def test_claim_ports_same_port_twice_is_refused() -> None:
    with pytest.raises(StartError, match="port 8123 is given twice; HTTP, gRPC and metrics"):
        claim_ports(Address(HOST, 8123, 0, 8123))


def test_claim_ports_host_of_another_machine_is_refused() -> None:
    with pytest.raises(StartError, match=r"cannot listen on 192\.0\.2\.1:0: Cannot assign"):
        claim_ports(Address("192.0.2.1", 0, 0, 0))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "127.0.0.1:8001", id="this-machine"),
        pytest.param("0.0.0.0", "127.0.0.1:8001", id="all-addresses"),
        pytest.param("example.org", "example.org:8001", id="name"),
    ],
)
def test_address_url_is_what_a_client_here_writes(host: str, url: str) -> None:
    assert Address(host).url == url


def test_claim_ports_address_of_version_6_is_refused() -> None:
    with pytest.raises(StartError, match="--host is ::1; Triton's gRPC port takes no IPv6"):
        claim_ports(Address("::1", 0, 0, 0))


@pytest.mark.parametrize("port", [-1, 65536])
def test_claim_ports_port_out_of_range_is_refused_with_its_option(port: int) -> None:
    with pytest.raises(StartError, match=f"--grpc-port is {port}; it must be 0 to 65535"):
        claim_ports(Address(HOST, 0, port, 0))


def test_claim_ports_unknown_host_is_named() -> None:
    with pytest.raises(StartError, match=r"--host is nowhere\.invalid: "):
        claim_ports(Address("nowhere.invalid", 0, 0, 0))
