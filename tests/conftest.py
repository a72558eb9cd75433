"""Fixtures of all tests: the real Triton, started once per run."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack

import pytest
from clients import CLIENTS
from emotion_client import EmotionClient
from emotion_command.checkout import REPOSITORY, ROOT
from emotion_server.address import FREE_PORTS
from emotion_server.service import Service
from tritonclient.grpc import InferenceServerClient

ADMIN_KEY = "0123456789abcdef"


def pytest_addoption(parser):
    use = "lyrics of the proof of bulk scoring (%(default)s; make million has 1000000)"
    parser.addoption("--num-lyrics", type=int, default=20_000, metavar="NUMBER", help=use)


@pytest.fixture(scope="session")
def num_lyrics(request):
    """How many lyrics are scored in a long test."""
    return request.config.getoption("--num-lyrics")


@pytest.fixture(scope="session", autouse=True)
def heed_signals():
    """A shell starts background jobs with Ctrl-C ignored, nohup SIGHUP; children inherit that."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def default_repository(tmp_path_factory):
    """A repository with the default checkpoint, even if the checkout has another."""
    repository = copy_repository(tmp_path_factory.mktemp("default") / "repository")
    command = [sys.executable, str(ROOT / "scripts" / "prepare_model.py")]
    target = repository / "emotion" / "1" / "checkpoint"
    subprocess.run([*command, f"--output={target}"], check=True)
    return repository


@pytest.fixture(scope="session")
def server(default_repository):
    """The default checkpoint on free ports of 127.0.0.1, with all of Triton's metrics.

    Requests may wait long: a slow machine would refuse what some tests send at once.
    """
    with Service(
        default_repository,
        address=FREE_PORTS,
        admin_key=ADMIN_KEY,
        has_summaries=True,
        max_wait_s=20,
    ) as running:
        yield running


@pytest.fixture(scope="session")
def client(server):
    with EmotionClient(server.address.url) as connected:
        yield connected


@pytest.fixture(scope="session")
def triton(server):
    """A plain connection, for requests that our client refuses to send."""
    with InferenceServerClient(server.address.url) as connected:
        yield connected


@pytest.fixture(params=CLIENTS)
def open_client(request):
    """Opens clients of one kind, and closes them at the end of the test."""
    with ExitStack() as stack:
        yield lambda *args, **options: stack.enter_context(CLIENTS[request.param](*args, **options))


def copy_repository(target, *, parameters=None):
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


def with_checkpoint(default_repository, *, target, parameters=None):
    """Returns a copy of the repository that serves the default checkpoint."""
    repository = copy_repository(target, parameters=parameters)
    checkpoint = default_repository / "emotion" / "1" / "checkpoint"
    (repository / "emotion" / "1" / "checkpoint").symlink_to(checkpoint)
    return repository


def find_free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
