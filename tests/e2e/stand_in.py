"""A stand-in for NVIDIA's image, to build and run deploy/Dockerfile without NVIDIA's registry.

Debian with the release of Triton that is in the wheel, where the image has its own. Needs root,
Debian's debootstrap, buildah, podman and runc, and a registry of Debian packages.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from emotion_server.triton_binary import locate_wheel

TOOLS = ("debootstrap", "buildah", "podman", "runc")
SUITE, MIRROR = "bookworm", "http://deb.debian.org/debian"
PACKAGES = "python3,python3-venv,libpython3.11,ca-certificates"
ENTRY_POINT = '#!/bin/sh\nexec "$@"\n'
# How this machine reaches its package registries goes into the stand-in.
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip", "/etc/apt/apt.conf.d", CERTIFICATES)


class Images:
    """Images and containers in a folder of their own.

    Args:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._storage = [
            "--storage-driver=overlay",
            f"--root={folder / 'storage'}",
            f"--runroot={folder / 'run'}",
        ]

    def buildah(self, *arguments: str, timeout_s: float = 900, cwd: Path | None = None) -> str:
        return run("buildah", *self._storage, *arguments, timeout_s=timeout_s, cwd=cwd)

    def podman(self, *arguments: str, timeout_s: float = 60) -> str:
        runtime = ["--cgroup-manager=cgroupfs", f"--runtime={shutil.which('runc')}"]
        return run("podman", *self._storage, *runtime, *arguments, timeout_s=timeout_s)

    def build_stand_in(self, name: str) -> None:
        """Builds the stand-in and gives it the name of an image."""
        root = self.folder / "root"
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root), MIRROR)
        lay_out_triton(root)
        for setting in SETTINGS:
            source = Path(setting)
            if source.is_dir():
                shutil.copytree(source, root / setting[1:], dirs_exist_ok=True)
            elif source.exists():
                shutil.copy(source, root / setting[1:])
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", container, str(root), "/")
        variables = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        variables |= {
            "PATH": "/opt/tritonserver/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": "/opt/tritonserver/lib",
        }
        options = [f"--env={name}={value}" for name, value in variables.items()]
        entry_point = '--entrypoint=["/opt/nvidia/nvidia_entrypoint.sh"]'
        self.buildah("config", *options, entry_point, container)
        self.buildah("commit", container, name)
        shutil.rmtree(root)

    def build(self, name: str, *, checkout: Path, arguments: dict[str, str]) -> str:
        """Builds deploy/Dockerfile of a checkout; returns the log."""
        given = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        folders = [f"--volume={path}:{path}:ro" for path in find_local_registries()]
        return self.buildah(
            *("bud", "--layers", "--isolation=chroot", "--pull-never", "--file=deploy/Dockerfile"),
            *(f"--tag={name}", *given, *folders, "."),
            cwd=checkout,
        )


def lay_out_triton(root: Path) -> None:
    """Puts the wheel's Triton where NVIDIA's image has its own."""
    site = locate_wheel()
    home, target = site / "pytriton" / "tritonserver", root / "opt" / "tritonserver"
    for part in ("bin", "backends", "caches"):
        shutil.copytree(home / part, target / part)
    shutil.copytree(site / "nvidia_pytriton.libs", target / "lib")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, target / "backends" / "python")
    for program in (target / "bin" / "tritonserver", target / "backends" / "python" / stub.name):
        program.chmod(0o755)
    script = root / "opt" / "nvidia" / "nvidia_entrypoint.sh"
    script.parent.mkdir()
    script.write_text(ENTRY_POINT)
    script.chmod(0o755)


def find_local_registries() -> list[Path]:
    """Returns the folders of this machine that pip takes packages from."""
    words = run(sys.executable, "-m", "pip", "config", "list").replace("'", " ").split()
    paths = {Path(word.removeprefix("file://")) for word in words if "/" in word}
    return sorted(path for path in paths if path.is_absolute() and path.is_dir())


def run(*command: str, timeout_s: float = 600, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, cwd=cwd)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout
