"""Finds the tritonserver binary and what it needs to run: the system's, else the wheel's.

NVIDIA's image has `tritonserver` on its path. Elsewhere the wheel nvidia-pytriton carries the same
server: its binary, the Python backend, and a stub (the process of a Python model) for each Python
version. Only these are used, not the wheel's Python API.
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

from serving.start_error import StartError

# How long a thread of a forward pass spins for the others before it sleeps (libgomp). By default
# some milliseconds, which a neighbour on the same cores turns into a stall: 32 callers got 103
# texts a second on two quiet cores and 9 beside one busy process; with this 103 and 43, with 1,000
# loops 91 and 60, with none (OMP_WAIT_POLICY=passive) 85 and 63 (AMD EPYC, 2026-11).
SPIN_LOOPS = "10000"
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
    """Returns the system's Triton where there is one, else the wheel's.

    Args:
        scratch: an empty folder, for as long as Triton runs.

    Raises:
        StartError: neither is there, or this Python cannot run models.
    """
    system = shutil.which("tritonserver") or shutil.which(SYSTEM_TRITON)
    if system:
        return TritonBinary([system], build_environment())
    return find_embedded(scratch)


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
    return TritonBinary(command, build_environment(libraries=libraries))


def make_runnable(binary: Path) -> None:
    """Sets the run bit that pip drops."""
    if os.access(binary, os.X_OK):
        return
    try:
        binary.chmod(binary.stat().st_mode | 0o111)
    except OSError as error:
        raise StartError(f"{binary} cannot be run; let its owner `chmod +x` it") from error


def locate_wheel() -> Path:
    """Returns the folder that the wheel nvidia-pytriton is installed in."""
    spec = importlib.util.find_spec("pytriton")
    if spec is None or spec.origin is None:
        raise StartError("there is no tritonserver; run `make setup`, or use NVIDIA's Triton image")
    return Path(spec.origin).parents[1]


def lay_out_backends(home: Path, *, scratch: Path) -> Path:
    """Copies the Python backend beside the stub of this Python version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.is_file():
        raise StartError(f"Triton has no stub for Python {version}; use Python 3.11 or 3.12")
    backends = scratch / "backends"
    shutil.copytree(home / "backends", backends)
    shutil.copy(stub, backends / "python")
    (backends / "python" / stub.name).chmod(0o755)
    return backends


def locate_libpython() -> Path:
    """Returns the folder of the shared libpython, which the stub loads.

    Raises:
        StartError: this Python was built without one.
    """
    name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    folder = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")
    if (folder / name).is_file():
        return folder
    try:
        ctypes.CDLL(name)  # on the system's own search path
    except OSError:
        raise StartError(
            f"this Python has no shared {name}, which Triton needs; install it (Debian: "
            f"`apt install {name.removesuffix('.so.1.0')}`; pyenv: "
            "PYTHON_CONFIGURE_OPTS=--enable-shared) and run `make clean setup`"
        ) from None
    return folder


def build_environment(*, libraries: list[str] | None = None) -> dict[str, str]:
    """Returns our environment, with this Python first and the model hub out of reach."""
    environment = dict(os.environ)
    # The stub finds the virtual environment through the first python3 of PATH.
    inherited_path = environment.get("PATH", os.defpath)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), inherited_path])
    environment["HF_HUB_OFFLINE"] = "1"
    environment.setdefault("GOMP_SPINCOUNT", SPIN_LOOPS)
    if libraries:
        inherited = environment.get("LD_LIBRARY_PATH")
        environment["LD_LIBRARY_PATH"] = os.pathsep.join([*libraries, *filter(None, [inherited])])
    return environment
