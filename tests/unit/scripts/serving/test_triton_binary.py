"""Which Triton is run, and what is said where there is none."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import sys
import sysconfig
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from serving import triton_binary
from serving.start_error import StartError
from serving.triton_binary import (
    SYSTEM_TRITON,
    build_environment,
    find_triton,
    lay_out_backends,
    locate_libpython,
    locate_wheel,
    make_runnable,
)

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{VERSION}.so.1.0"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site-packages with the parts of nvidia-pytriton that are used."""
    site = tmp_path / "site-packages"
    home = site / "pytriton" / "tritonserver"
    stub = home / "python_backend_stubs" / VERSION / "triton_python_backend_stub"
    for file in (
        home / "bin" / "tritonserver",
        stub,
        home / "backends" / "python" / "libtriton.so",
    ):
        file.parent.mkdir(parents=True)
        file.touch(mode=0o644)
    (site / "pytriton" / "__init__.py").touch()
    spec = ModuleSpec("pytriton", None, origin=str(site / "pytriton" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", {"pytriton": spec}.get)
    return site


@pytest.fixture
def no_system_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", {}.get)


@pytest.mark.parametrize("name", ["tritonserver", SYSTEM_TRITON])
def test_find_triton_systems_own_is_preferred(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(scratch: Path) -> None:
        raise AssertionError("asked for the wheel's")

    monkeypatch.setattr(shutil, "which", {name: "/somewhere/tritonserver"}.get)
    monkeypatch.setattr(triton_binary, "find_embedded", fail)
    triton = find_triton(scratch=tmp_path)
    assert triton.command == ["/somewhere/tritonserver"]
    assert triton.environment.get("LD_LIBRARY_PATH") == os.environ.get("LD_LIBRARY_PATH")


@pytest.mark.usefixtures("no_system_triton")
def test_find_triton_wheels_own_is_laid_out(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_binary, "locate_libpython", lambda: Path("/lib-of-python"))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/inherited")
    scratch = tmp_path / "scratch"
    triton = find_triton(scratch=scratch)
    home = wheel / "pytriton" / "tritonserver"
    assert triton.command == [
        str(home / "bin" / "tritonserver"),
        f"--backend-directory={scratch / 'backends'}",
        f"--cache-directory={home / 'caches'}",
    ]
    assert os.access(home / "bin" / "tritonserver", os.X_OK)
    assert os.access(scratch / "backends" / "python" / "triton_python_backend_stub", os.X_OK)
    assert triton.environment["LD_LIBRARY_PATH"] == os.pathsep.join(
        [str(wheel / "nvidia_pytriton.libs"), "/lib-of-python", "/inherited"]
    )


@pytest.mark.usefixtures("no_system_triton")
def test_find_triton_no_wheel_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StartError, match="no tritonserver; run `make setup`, or use NVIDIA's"):
        find_triton(scratch=tmp_path)


def test_locate_wheel_does_not_import_it(wheel: Path) -> None:
    assert locate_wheel() == wheel
    assert "pytriton" not in sys.modules


def test_lay_out_backends_no_stub_for_this_python_is_said(wheel: Path, tmp_path: Path) -> None:
    home = wheel / "pytriton" / "tritonserver"
    shutil.rmtree(home / "python_backend_stubs")
    with pytest.raises(StartError, match=f"no stub for Python {VERSION}; use Python 3.11 or 3.12"):
        lay_out_backends(home, scratch=tmp_path)


def test_locate_libpython_in_its_own_folder_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / LIBPYTHON).touch()
    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(tmp_path)}.get)
    assert locate_libpython() == tmp_path


def test_locate_libpython_none_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str) -> None:
        assert name == LIBPYTHON
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(tmp_path)}.get)
    monkeypatch.setattr(ctypes, "CDLL", load)
    with pytest.raises(
        StartError, match=rf"no shared {LIBPYTHON}.*apt install libpython{VERSION}`"
    ):
        locate_libpython()


def test_build_environment_puts_this_python_first_and_the_hub_out_of_reach(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = build_environment()
    assert environment["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/usr/bin"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert os.environ["PATH"] == "/usr/bin"


def test_build_environment_without_a_path_is_made_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PATH")
    assert build_environment()["PATH"].startswith(str(Path(sys.executable).parent))


def test_make_runnable_binary_of_another_user_says_what_to_do(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(StartError, match=r"cannot be run; let its owner `chmod \+x` it"):
        make_runnable(wheel / "pytriton" / "tritonserver" / "bin" / "tritonserver")


def test_make_runnable_binary_that_is_runnable_is_left_alone(
    wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binary = wheel / "pytriton" / "tritonserver" / "bin" / "tritonserver"
    binary.chmod(0o755)
    monkeypatch.delattr(Path, "chmod")
    make_runnable(binary)
