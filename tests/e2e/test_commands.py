"""The two commands of the README, and its code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from serving.triton_server import REPOSITORY

ROOT = REPOSITORY.parent


def test_make_demo_prints_a_dozen_labels_and_stops():
    done = subprocess.run(
        ["make", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env=plain_environment(),
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^  .+ \w+ +[01]\.\d\d  █+", done.stdout, re.MULTILINE)
    assert len(rows) == 12
    assert re.search(r"truncated: \d{3} tokens", done.stdout)
    num_batches = int(
        re.search(r"256 requests, 64 at a time, shared (\d+) batches", done.stdout)[1]
    )
    assert num_batches <= 256 / 4  # one process hardly sends faster than the model computes


def test_healthcheck_says_whether_the_server_answers(server):
    assert run_script("healthcheck.py", f"--url={server.address.url}").returncode == 0
    dead = run_script("healthcheck.py", "--url=127.0.0.1:1")
    assert dead.returncode == 1
    assert dead.stderr.startswith("healthcheck: 127.0.0.1:1: ")


def test_readme_python_runs_against_the_server(server):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        code = block.replace("127.0.0.1:8001", server.address.url)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout


def run_script(name, *options):
    command = [sys.executable, str(Path(ROOT, "scripts", name)), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def plain_environment():
    """Returns our environment without what an outer make left in it."""
    return {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
