"""That Locust stays where it belongs: it patches the process that imports it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

LOADTEST = Path(__file__).resolve().parents[3] / "loadtest"
OF_LOCUST = {"traffic.load_test", "traffic.users", "traffic.watch"}
SCRIPT = """
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
    found = [each for each in ("locust", "gevent") if each in sys.modules]
    assert not found, f"{name} imports {found}"
"""


def test_only_locust_s_own_modules_import_locust() -> None:
    modules = {
        f"{package}.{file.stem}"
        for package in ("traffic", "verdict")
        for file in (LOADTEST / package).glob("*.py")
        if file.stem != "__init__"
    }
    assert modules > OF_LOCUST
    names = ["run", "capacity", *sorted(modules - OF_LOCUST)]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(sys.path), json.dumps(names)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
