"""What setup.py leaves where a library in C++ cannot be built."""

import os
import shutil
import subprocess
import sys
import sysconfig
from zipfile import ZipFile

import pytest
from emotion_command.checkout import ROOT

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
NAMES = ("emotion_engine/_native_avx2", "emotion_engine/_native_amx", "emotion_server/_door")
PACKAGES = {"emotion_engine": "engine", "emotion_server": "server"}


@pytest.fixture
def checkout(tmp_path):
    """A checkout with what setup.py reads, and libraries of older sources in both places."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for package, folder in PACKAGES.items():
        (tmp_path / folder / package).mkdir(parents=True)
        (tmp_path / folder / package / "__init__.py").touch()
        shutil.copytree(ROOT / folder / "native", tmp_path / folder / "native")
    for folder in ("client", "command", "training", "loadtest", "benchmarks"):
        (tmp_path / folder).mkdir()
    tag = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
    for name in NAMES:
        for path in (PACKAGES[name.partition("/")[0]], f"build/lib.{tag}"):
            library = tmp_path / path / f"{name}{SUFFIX}"
            library.parent.mkdir(parents=True, exist_ok=True)
            library.write_text("older")
    return tmp_path


def build(checkout, *, kind):
    """Calls what pip calls, with a compiler that fails; returns the wheel."""
    code = f"from setuptools import build_meta; print(build_meta.build_{kind}('dist'))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=checkout,
        env=os.environ | {"CC": "false", "CXX": "false"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'building extension "emotion_engine._native_avx2" failed' in result.stderr
    return checkout / "dist" / result.stdout.splitlines()[-1]


def find_libraries(checkout):
    return sorted(
        path.name for folder in PACKAGES.values() for path in (checkout / folder).rglob("*.so")
    )


def test_editable_installation_keeps_no_older_library(checkout):
    assert len(find_libraries(checkout)) == len(NAMES)
    build(checkout, kind="editable")
    assert find_libraries(checkout) == []


def test_wheel_contains_no_older_library_and_leaves_those_of_the_checkout(checkout):
    wheel = build(checkout, kind="wheel")
    names = ZipFile(wheel).namelist()
    assert "emotion_engine/__init__.py" in names
    assert [name for name in names if name.endswith(".so")] == []
    assert len(find_libraries(checkout)) == len(NAMES)
