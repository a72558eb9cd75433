"""Finds the tritonserver binary and what it needs to run: the system's, else the wheel's.

NVIDIA's image has `tritonserver` on its path. Elsewhere the wheel nvidia-pytriton has the same
server: its binary, the Python backend, and a stub (the process of a Python model) for each Python
version. The wheel's Python API is not used.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from emotion_server.address import is_loopback
from emotion_server.environment import build_environment
from emotion_server.errors import StartError

WHEEL_RELEASE, NUM_UNFIXED = "2.51 (24.10)", 57
PACKAGES_OF_MODELS = ("emotion_client", "emotion_engine")
SYSTEM_TRITON = "/opt/tritonserver/bin/tritonserver"


@dataclass(frozen=True)
class TritonBinary:
    """How to run Triton.

    Attributes:
        command: the binary and the options that locate its parts.
        environment: environment variables of the process.
    """

    command: list[str]
    environment: dict[str, str]


def find_triton(*, scratch: Path) -> TritonBinary:
    """Returns the system's Triton if there is one, else the wheel's.

    Args:
        scratch: an empty folder that exists as long as Triton runs.

    Raises:
        StartError: there is neither, or this Python cannot run models.
    """
    system = find_system()
    return TritonBinary([system], build_environment()) if system else find_embedded(scratch)


def check_exposure(host: str, *, is_allowed: bool) -> None:
    """Refuses to let other machines call the Triton of the wheel, unless that is wanted.

    Args:
        host: address that callers connect to.
        is_allowed: whether it is wanted.

    Raises:
        StartError: says what is unfixed, and what to do.
    """
    if is_allowed or is_loopback(host) or find_system() is not None:
        return
    raise StartError(
        f"--host {host} lets other machines call, and Triton is the one of the PyPI package: "
        f"release {WHEEL_RELEASE}, without the fixes of {NUM_UNFIXED} published vulnerabilities.\n"
        "The door in front of it refuses the requests that are known to crash it. Better use "
        "NVIDIA's image (docs/operations.md), or add --allow-old-triton."
    )


def find_system() -> str | None:
    """Returns the path of the system's tritonserver, if there is one."""
    return shutil.which("tritonserver") or shutil.which(SYSTEM_TRITON)


def find_embedded(scratch: Path) -> TritonBinary:
    """Returns the Triton of the wheel nvidia-pytriton."""
    site = locate_wheel()
    home = site / "pytriton" / "tritonserver"
    binary = home / "bin" / "tritonserver"
    make_runnable(binary)
    backends = lay_out_backends(home, scratch=scratch)
    command = [
        str(binary),
        f"--backend-directory={backends}",
        f"--cache-directory={home / 'caches'}",
    ]
    libraries = [str(site / "nvidia_pytriton.libs"), str(locate_libpython())]
    python = link_python(scratch)
    return TritonBinary(command, build_environment(libraries=libraries, python=python))


def make_runnable(binary: Path) -> None:
    """Makes the binary executable: pip drops the permission."""
    if os.access(binary, os.X_OK):
        return
    try:
        binary.chmod(binary.stat().st_mode | 0o111)
    except OSError as error:
        raise StartError(f"{binary} is not executable; its owner must `chmod +x` it") from error


def locate_wheel() -> Path:
    """Returns the folder that the wheel nvidia-pytriton is installed in."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise StartError("tritonserver is missing; run `make setup` or use NVIDIA's Triton image")
    return Path(spec.origin).parents[1]


def lay_out_backends(home: Path, *, scratch: Path) -> Path:
    """Copies the backends and adds the stub of this Python version; returns the copy's folder.

    Beside the stub are links to our packages: to an editable installation, it would need the path
    of the checkout; see `link_python`.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise StartError(f"Triton has no stub for Python {version}; use Python 3.11 or 3.12")
    backends = scratch / "backends"
    shutil.copytree(home / "backends", backends)
    shutil.copy(stub, backends / "python")
    (backends / "python" / stub.name).chmod(0o755)
    for package in PACKAGES_OF_MODELS:
        spec = importlib.util.find_spec(package)
        origin = spec and spec.origin
        assert origin, f"{package} is a part of this distribution"
        (backends / "python" / package).symlink_to(Path(origin).parent)
    return backends


def link_python(scratch: Path) -> Path:
    """Returns the folder of this interpreter, through a link to its environment.

    The stub's Python is isolated and uses the locale C; torch ends it if the path of the
    environment is not ASCII.
    """
    link = scratch / "environment"
    link.symlink_to(sys.prefix)
    folder = Path(sys.executable).parent
    return link / folder.relative_to(sys.prefix) if folder.is_relative_to(sys.prefix) else folder


def locate_libpython() -> Path:
    """Returns the folder of the shared libpython that the stub loads.

    Raises:
        StartError: this Python was built without one.
    """
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    folder = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    if (folder / name).is_file():
        return folder
    try:
        ctypes.CDLL(name)  # on the system's search path
    except OSError:
        raise StartError(
            f"this Python has no shared {name}, which Triton needs; install it (Debian: "
            f"`apt install {name.removesuffix('.so.1.0')}`; pyenv: "
            "PYTHON_CONFIGURE_OPTS=--enable-shared) and run `make clean setup`"
        ) from None
    return folder
