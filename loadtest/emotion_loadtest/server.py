"""The server that is measured, running or started here, and the machine it is measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import grpc
from emotion_client import ServerInfo
from emotion_client.errors import translate
from emotion_command.checkout import REPOSITORY
from emotion_server.address import FREE_PORTS
from emotion_server.service import Service
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

PACKAGES = ("locust", "tritonclient", "numpy")
TIMEOUT_S = 10.0


@contextmanager
def open_server(
    url: str | None, *, report: Callable[[str], None], repository: Path = REPOSITORY
) -> Iterator[str]:
    """Yields the gRPC address of the server to measure; starts one if none is running.

    Args:
        url: of a running server; None starts one on free ports of 127.0.0.1.
        report: gets lines of progress while one starts.
        repository: the model repository that the started server serves.

    Raises:
        StartError: it cannot start.
    """
    if url is not None:
        yield url
        return
    report("starting Triton on free ports of 127.0.0.1")
    with Service(repository, address=FREE_PORTS, report=report) as server:
        yield server.address.url


@contextmanager
def translated(url: str) -> Iterator[None]:
    """Raises the client's error for one of Triton's own client or of gRPC.

    Args:
        url: what the message calls the server.

    Raises:
        EmotionError: the server does not answer, or refuses.
    """
    try:
        yield
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url=url) from error
    except grpc.RpcError as error:
        raise translate(error.code().name, error.details(), url=url) from error


def find_server_facts(
    triton: InferenceServerClient, *, url: str, info: ServerInfo
) -> dict[str, str]:
    """Returns the facts of the server and its model.

    Raises:
        EmotionError: it does not answer.
    """
    with translated(url):
        metadata = triton.get_server_metadata(client_timeout=TIMEOUT_S)
    return {
        "server": f"{url}, Triton {metadata.version}",
        "model": f"revision {info.revision[:12]}, reads {info.max_length} tokens, "
        f"labels {', '.join(info.labels)}",
    }


def find_machine_facts() -> dict[str, str]:
    """Returns the facts of the machine that makes the load."""
    facts = {
        "processor": describe_machine(),
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": platform.platform(),
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }
    gpus = _find_gpus()
    return {**facts, "GPU": gpus} if gpus else facts


def describe_machine() -> str:
    """Returns the processor and its cores in a few words."""
    return f"{find_processor()}, {os.cpu_count()} cores"


def find_processor() -> str:
    """Returns the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _find_gpus() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(done.stdout.split("\n")).strip("; ")
