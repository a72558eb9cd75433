"""What ran on what: the machine, the versions, the served model."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version

from comparison.machine import find_processor
from emotion_client import ServerInfo
from emotion_client.errors import translate
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

PACKAGES = ("locust", "tritonclient", "numpy")
TIMEOUT_S = 10.0


def describe_machine() -> dict[str, str]:
    """Returns the facts of the machine that makes the load."""
    facts = {
        "processor": f"{find_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": platform.platform(),
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
    }
    gpus = _ask_gpus()
    return {**facts, "GPU": gpus} if gpus else facts


def describe_server(server: InferenceServerClient, *, url: str, info: ServerInfo) -> dict[str, str]:
    """Returns the facts of the server and its model.

    Raises:
        EmotionError: it does not answer.
    """
    try:
        triton = server.get_server_metadata(client_timeout=TIMEOUT_S)
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url=url) from error
    return {
        "server": f"{url}, Triton {triton.version}",
        "model": f"revision {info.revision[:12]}, reads {info.max_length} tokens, "
        f"labels {', '.join(info.labels)}",
    }


def _ask_gpus() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "; ".join(done.stdout.split("\n")).strip("; ")
