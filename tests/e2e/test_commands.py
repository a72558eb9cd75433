"""make demo, the healthcheck, and the code in the README."""

import os
import re
import subprocess
import sys

from emotion_command.checkout import ROOT


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, **options)


def test_make_demo_prints_a_dozen_labels_and_stops():
    # Without the variables of an outer make.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = run("make", "demo", env=environment)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^  .+ \w+ +[01]\.\d\d  █+", done.stdout, re.MULTILINE)
    assert len(rows) == 12
    assert re.search(r"truncated: \d{3} tokens", done.stdout)
    shared = re.search(r"256 requests, 64 at a time, shared (\d+) batches", done.stdout)
    assert int(shared[1]) <= 256 / 4  # one process hardly sends faster than the model computes


def test_healthcheck_exit_code_says_whether_the_server_answers(server):
    assert check_health(server.address.url).returncode == 0
    dead = check_health("127.0.0.1:1")
    assert dead.returncode == 1
    assert dead.stderr.startswith("healthcheck: 127.0.0.1:1: ")


def test_readme_python_runs_against_the_server(server):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        done = run(sys.executable, "-c", block.replace("127.0.0.1:8001", server.address.url))
        assert done.returncode == 0, done.stderr
        assert done.stdout


def check_health(url):
    return run(sys.executable, "scripts/healthcheck.py", f"--url={url}")
