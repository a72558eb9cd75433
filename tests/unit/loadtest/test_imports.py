"""Only the modules that run inside Locust import it: it patches the process that does."""

import subprocess
import sys
from pathlib import Path

import emotion_loadtest
import pytest
from emotion_command.checkout import ROOT

INSIDE_LOCUST = {"locust_run", "users", "watch"}
COMMANDS = ("loadtest.run", "loadtest.capacity", "loadtest.autoscaling")
SCRIPT = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    found = [each for each in ("locust", "gevent") if each in sys.modules]
    assert not found, f"{name} imports {found}"
"""


def test_only_modules_inside_locust_import_locust():
    modules = {file.stem for file in Path(emotion_loadtest.__file__).parent.glob("[a-z]*.py")}
    assert modules > INSIDE_LOCUST
    names = [f"emotion_loadtest.{name}" for name in sorted(modules - INSIDE_LOCUST)]
    command = [sys.executable, "-c", SCRIPT, *COMMANDS, *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("folder", [ROOT / "loadtest", Path("/")])
def test_locustfile_loads_from_any_folder(folder):
    locustfile = ROOT / "loadtest" / "locustfile.py"
    command = [sys.executable, "-m", "locust", "-f", str(locustfile), "--list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert {"TextUser", "BatchUser", "RawTextUser"} <= {*done.stdout.split()}
