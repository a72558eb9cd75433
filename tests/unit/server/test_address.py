"""Where a server listens."""

import socket

import pytest
from emotion_server.address import FREE_PORTS, Address, claim_ports, is_loopback, listen
from emotion_server.errors import StartError

HOST = "127.0.0.1"


@pytest.fixture
def listener():
    with socket.create_server((HOST, 0)) as listening:
        yield listening


def test_claim_ports_zeros_become_three_free_ports():
    address = claim_ports(FREE_PORTS)
    assert address.host == HOST
    ports = {address.http_port, address.grpc_port, address.metrics_port}
    assert len(ports) == 3
    for port in ports:
        socket.create_server((HOST, port)).close()


def test_claim_ports_given_port_is_kept(listener):
    port = listener.getsockname()[1]
    listener.close()
    assert claim_ports(Address(HOST, 0, port, 0)).grpc_port == port


@pytest.mark.parametrize("option", ["--http-port", "--grpc-port", "--metrics-port"])
def test_claim_ports_taken_port_is_named_with_its_option(listener, option):
    port = listener.getsockname()[1]
    ports = {"http_port": 0, "grpc_port": 0, "metrics_port": 0}
    ports[option.removeprefix("--").replace("-", "_")] = port
    with pytest.raises(StartError, match=rf"cannot listen on {HOST}:{port}: .*in use; .*{option}"):
        claim_ports(Address(HOST, **ports))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        (Address(HOST, 8123, 0, 8123), "port 8123 is given twice; HTTP, gRPC and metrics"),
        (Address(HOST, 0, -1, 0), "--grpc-port is -1; it must be 0 to 65535"),
        (Address(HOST, 0, 65536, 0), "--grpc-port is 65536; it must be 0 to 65535"),
        (Address("", 0, 0, 0), "--host is empty; 127.0.0.1 serves only this machine"),
        (Address("::2", 0, 0, 0), r"cannot listen on \[::2\]:0: Cannot assign"),
        (Address("nowhere.invalid", 0, 0, 0), r"--host is nowhere\.invalid: "),
        (Address("192.0.2.1", 0, 0, 0), r"cannot listen on 192\.0\.2\.1:0: Cannot assign"),
    ],
)
def test_claim_ports_wrong_address_is_refused(address, sentence):
    with pytest.raises(StartError, match=sentence):
        claim_ports(address)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "127.0.0.1:8001"),
        ("0.0.0.0", "127.0.0.1:8001"),
        ("example.org", "example.org:8001"),
        ("::1", "[::1]:8001"),
        ("::", "127.0.0.1:8001"),
    ],
)
def test_address_url_is_what_a_client_on_this_machine_uses(host, url):
    assert Address(host).url == url


def test_address_describes_ipv6_with_brackets():
    assert Address("::1").describe() == (
        "gRPC [::1]:8001, HTTP [::1]:8000, metrics http://[::1]:8002/metrics"
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.5", False),
        ("example.org", False),
    ],
)
def test_is_loopback(host, expected):
    assert is_loopback(host) is expected


def test_listen_on_all_addresses_takes_both_versions_of_ip():
    with listen("::", 0) as listener:
        port = listener.getsockname()[1]
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()
