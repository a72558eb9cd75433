"""Fixtures of all tests: the real Triton, started once a run."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from clients import CLIENTS
from emotion_client import EmotionClient
from serving.address import Address
from serving.triton_server import REPOSITORY, TritonServer
from tritonclient.grpc import InferenceServerClient

FREE_PORTS = Address(http_port=0, grpc_port=0, metrics_port=0)
ADMIN_KEY = "0123456789abcdef"


@pytest.fixture(scope="session", autouse=True)
def heed_ctrl_c() -> None:
    """A shell starts what runs in the background with Ctrl-C ignored; all children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def default_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the default checkpoint, whatever the checkout has prepared."""
    repository = copy_repository(tmp_path_factory.mktemp("default") / "repository")
    command = [sys.executable, str(REPOSITORY.parent / "scripts" / "prepare_model.py")]
    target = repository / "emotion" / "1" / "checkpoint"
    subprocess.run([*command, f"--output={target}"], check=True)
    return repository


@pytest.fixture(scope="session")
def server(default_repository: Path) -> Iterator[TritonServer]:
    """Triton with the default checkpoint, on free ports of 127.0.0.1, with all it can publish."""
    with TritonServer(
        default_repository, address=FREE_PORTS, admin_key=ADMIN_KEY, has_summaries=True
    ) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: TritonServer) -> Iterator[EmotionClient]:
    with EmotionClient(server.address.url) as connected:
        yield connected


@pytest.fixture(scope="session")
def triton(server: TritonServer) -> Iterator[InferenceServerClient]:
    """A bare connection, for what our client would refuse to send."""
    with InferenceServerClient(server.address.url) as connected:
        yield connected


@pytest.fixture(params=CLIENTS)
def open_client(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Opens clients of either kind, which are closed at the end of the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(CLIENTS[request.param](*args, **options))


def copy_repository(target: Path, *, parameters: dict[str, str] | None = None) -> Path:
    """Copies the model repository without its checkpoint, with other parameters of `emotion`."""
    shutil.copytree(REPOSITORY, target, ignore=shutil.ignore_patterns("checkpoint", "__pycache__"))
    config = target / "emotion" / "config.pbtxt"
    text = config.read_text()
    for key, value in (parameters or {}).items():
        before = rf'(key: "{key}"\s+value: {{ string_value: )"[^"]*"'
        text, num_changed = re.subn(before, rf'\g<1>"{value}"', text)
        assert num_changed == 1, key
    config.write_text(text)
    return target
