"""Which Triton is run, and the error if there is none."""

import ctypes
import importlib.util
import os
import shutil
import sys
import sysconfig
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest
from emotion_server import triton_binary
from emotion_server.errors import StartError
from emotion_server.triton_binary import (
    PACKAGES_OF_MODELS,
    SYSTEM_TRITON,
    check_exposure,
    find_triton,
    lay_out_backends,
    locate_libpython,
    locate_wheel,
    make_runnable,
)

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{VERSION}.so.1.0"


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A site-packages with the parts of nvidia-pytriton that are used."""
    package = tmp_path / "site-packages" / "pytriton"
    home = package / "tritonserver"
    stub = home / "python_backend_stubs" / VERSION / "triton_python_backend_stub"
    for file in (home / "bin" / "tritonserver", stub, home / "backends" / "python" / "lib.so"):
        file.parent.mkdir(parents=True)
        file.touch(mode=0o644)
    names = ("pytriton", *PACKAGES_OF_MODELS)
    specs = {
        name: ModuleSpec(name, None, origin=str(package.with_name(name) / "__init__.py"))
        for name in names
    }
    monkeypatch.setattr(importlib.util, "find_spec", specs.get)
    monkeypatch.setattr(shutil, "which", {}.get)
    return package.parent


@pytest.fixture
def home(site):
    return site / "pytriton" / "tritonserver"


@pytest.mark.parametrize("name", ["tritonserver", SYSTEM_TRITON])
def test_find_triton_prefers_the_systems(name, tmp_path, monkeypatch):
    def fail(scratch):
        raise AssertionError("used the wheel")

    monkeypatch.setattr(shutil, "which", {name: "/somewhere/tritonserver"}.get)
    monkeypatch.setattr(triton_binary, "find_embedded", fail)
    triton = find_triton(scratch=tmp_path)
    assert triton.command == ["/somewhere/tritonserver"]
    assert triton.environment.get("LD_LIBRARY_PATH") == os.environ.get("LD_LIBRARY_PATH")


def test_find_triton_takes_the_wheels_otherwise(site, home, tmp_path, monkeypatch):
    monkeypatch.setattr(triton_binary, "locate_libpython", lambda: Path("/lib-of-python"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    backends = tmp_path / "scratch" / "backends"
    triton = find_triton(scratch=backends.parent)
    assert triton.command == [
        str(home / "bin" / "tritonserver"),
        f"--backend-directory={backends}",
        f"--cache-directory={home / 'caches'}",
    ]
    assert os.access(home / "bin" / "tritonserver", os.X_OK)
    assert os.access(backends / "python" / "triton_python_backend_stub", os.X_OK)
    assert (backends / "python" / "lib.so").exists()
    for name in PACKAGES_OF_MODELS:
        assert (backends / "python" / name).readlink() == site / name
    python = Path(triton.environment["PATH"].split(os.pathsep)[0])
    assert python.is_relative_to(tmp_path / "scratch")
    assert python.resolve() == Path(sys.executable).parent
    libraries = f"{site / 'nvidia_pytriton.libs'}{os.pathsep}/lib-of-python"
    assert triton.environment["LD_LIBRARY_PATH"] == libraries


def test_find_triton_neither_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", {}.get)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StartError, match="tritonserver is missing; run `make setup` or use NVIDIA"):
        find_triton(scratch=tmp_path)


def test_locate_wheel_does_not_import_it(site):
    assert locate_wheel() == site
    assert "pytriton" not in sys.modules


def test_lay_out_backends_without_a_stub_for_this_python_is_an_error(home, tmp_path):
    shutil.rmtree(home / "python_backend_stubs")
    with pytest.raises(StartError, match=f"no stub for Python {VERSION}; use Python 3.11 or 3.12"):
        lay_out_backends(home, scratch=tmp_path)


def test_locate_libpython_looks_in_pythons_own_folder(tmp_path, monkeypatch):
    (tmp_path / LIBPYTHON).touch()
    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(tmp_path)}.get)
    assert locate_libpython() == tmp_path


def test_locate_libpython_missing_says_how_to_get_one(tmp_path, monkeypatch):
    def load(name):
        assert name == LIBPYTHON
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(sysconfig, "get_config_var", {"LIBDIR": str(tmp_path)}.get)
    monkeypatch.setattr(ctypes, "CDLL", load)
    sentence = rf"no shared {LIBPYTHON}.*apt install libpython{VERSION}`"
    with pytest.raises(StartError, match=sentence):
        locate_libpython()


def test_make_runnable_binary_of_another_user_says_what_to_do(home, monkeypatch):
    def refuse(self, mode):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)
    with pytest.raises(StartError, match=r"is not executable; its owner must `chmod \+x` it"):
        make_runnable(home / "bin" / "tritonserver")


def test_make_runnable_leaves_an_executable_alone(home, monkeypatch):
    binary = home / "bin" / "tritonserver"
    binary.chmod(0o755)
    monkeypatch.delattr(Path, "chmod")
    make_runnable(binary)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5"])
def test_triton_of_the_wheel_is_opened_to_others_only_if_that_is_wanted(monkeypatch, host):
    monkeypatch.setattr(triton_binary, "find_system", lambda: None)
    with pytest.raises(StartError, match="published vulnerabilities") as caught:
        check_exposure(host, is_allowed=False)
    assert str(caught.value).count("\n") == 1
    check_exposure(host, is_allowed=True)
    check_exposure("::1", is_allowed=False)
    monkeypatch.setattr(triton_binary, "find_system", lambda: "/opt/tritonserver/bin/tritonserver")
    check_exposure(host, is_allowed=False)
