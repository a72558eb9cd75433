"""The measurement of request overhead on real Tritons, with few requests: a long proof."""

import json
import subprocess
import sys

import pytest
from emotion_command.checkout import ROOT

COMMAND = ROOT / "benchmarks" / "overhead.py"
FEW = ("--rounds=1", "--requests=100", "--texts=100", "--pairs=100")


@pytest.mark.long
def test_overhead_judges_every_target(tmp_path):
    path = tmp_path / "overhead.json"
    done = subprocess.run(
        [sys.executable, str(COMMAND), *FEW, f"--json={path}"],
        capture_output=True,
        text=True,
        timeout=240,
    )
    document = json.loads(path.read_text())
    verdicts = [figure["is_met"] for figure in document["figures"]]
    judged = [is_met for is_met in verdicts if is_met is not None]
    assert len(judged) == 8
    assert done.returncode == (0 if all(judged) else 1), done.stderr
    assert done.stdout.count("MISSED  ") == judged.count(False)
    assert document["lone"]["lyrics"]["num_calls"] == 100
    assert "Traceback" not in done.stderr
