"""Ports, repository and log of a Triton that is not started here."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import triton_server
from triton_server import Address, StartError, check_repository, claim_ports, is_error

HOST = "127.0.0.1"
ERROR = "E1122 09:13:40.123456 1234 model_lifecycle.cc:642] \"failed to load 'emotion'\"\n"
CUDA_ERROR = (
    "E1122 09:13:40.123456 1234 cuda_driver_helper.cc:20] "
    '"CudaDriverHelper has not been initialized."\n'
)


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


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param(HOST, 70000, id="port-too-large"),
        pytest.param(HOST, -1, id="port-negative"),
        pytest.param("192.0.2.1", 0, id="host-of-another-machine"),
        pytest.param("no such host", 0, id="host-unknown"),
    ],
)
def test_claim_ports_bad_address_is_a_server_error(host: str, port: int) -> None:
    with pytest.raises(StartError, match=f"cannot listen on {host}:{port}"):
        claim_ports(Address(host, port, 0, 0))


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "127.0.0.1:8001", id="this-machine"),
        pytest.param("0.0.0.0", "127.0.0.1:8001", id="all-addresses"),
        pytest.param("example.org", "example.org:8001", id="name"),
        pytest.param("::", "[::1]:8001", id="all-addresses-of-version-6"),
        pytest.param("::1", "[::1]:8001", id="this-machine-in-version-6"),
    ],
)
def test_address_url_is_what_a_client_here_writes(host: str, url: str) -> None:
    assert Address(host).url == url


def test_check_repository_prepared_one_is_taken(tmp_path: Path) -> None:
    checkpoint = tmp_path / "emotion" / "1" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (tmp_path / "emotion" / "config.pbtxt").touch()
    with pytest.raises(StartError, match=rf"{checkpoint} is missing; run `make prepare`"):
        check_repository(tmp_path)
    (checkpoint / "config.json").touch()
    check_repository(tmp_path)


def test_check_repository_other_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"emotion/config\.pbtxt is missing; give the model"):
        check_repository(tmp_path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(ERROR, True, id="error"),
        pytest.param("F" + ERROR[1:], True, id="fatal"),
        pytest.param("W" + ERROR[1:], False, id="warning"),
        pytest.param("I" + ERROR[1:], False, id="information"),
        pytest.param("  at line 3 of model.py\n", False, id="continuation"),
        pytest.param("Error: nothing of Triton's\n", False, id="another-format"),
        pytest.param("", False, id="empty"),
    ],
)
def test_is_error_severity_decides(line: str, expected: bool) -> None:
    assert is_error(line) is expected


@pytest.mark.parametrize("has_gpu", [True, False])
def test_is_error_missing_cuda_matters_only_where_a_gpu_is(
    has_gpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "nvidiactl"
    if has_gpu:
        device.touch()
    monkeypatch.setattr(triton_server, "GPU_DEVICE", device)
    assert is_error(CUDA_ERROR) is has_gpu
    assert is_error(ERROR)
