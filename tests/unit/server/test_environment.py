"""The environment variables of a server process."""

import os
import sys
from pathlib import Path

import pytest
from emotion_server.environment import SPIN_LOOPS, build_environment

BIN = str(Path(sys.executable).parent)


def test_build_environment_puts_this_python_first_and_disables_the_hub(monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    environment = build_environment()
    assert environment["PATH"] == f"{BIN}{os.pathsep}/usr/bin"
    assert environment["HF_HUB_OFFLINE"] == "1"
    assert os.environ["PATH"] == "/usr/bin"


def test_build_environment_without_a_path_has_this_python(monkeypatch):
    monkeypatch.delenv("PATH")
    assert build_environment()["PATH"].startswith(BIN)


@pytest.mark.parametrize(("given", "expected"), [({}, SPIN_LOOPS), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_build_environment_limits_spinning_unless_the_user_sets_it(given, expected, monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert build_environment()["GOMP_SPINCOUNT"] == expected


@pytest.mark.parametrize(
    ("libraries", "inherited", "expected"),
    [
        (None, None, None),
        (None, "/inherited", "/inherited"),
        (["/a", "/b"], None, "/a:/b"),
        (["/a", "/b"], "/inherited", "/a:/b:/inherited"),
    ],
)
def test_build_environment_searches_libraries_first(libraries, inherited, expected, monkeypatch):
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    if inherited:
        monkeypatch.setenv("LD_LIBRARY_PATH", inherited)
    assert build_environment(libraries=libraries).get("LD_LIBRARY_PATH") == expected
