"""The process of an engine from outside, and what is read from its figures."""

import sys
from pathlib import Path

import numpy as np
import pytest
from emotion_benchmarks.comparison.peers import PeerError
from emotion_benchmarks.engines import turn
from emotion_benchmarks.engines.turn import read_laps, run_process

PYTHON = Path(sys.executable)


def test_read_laps_takes_the_median_and_the_error_of_the_given_label():
    found = {
        "probabilities": [[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]],
        "calls_s": [9.0, 0.5, 0.1],
        "setting": "1 x 2 threads",
    }
    wanted = np.array([[0.88, 0.12], [0.55, 0.45], [0.5, 0.5]], dtype=np.float32)
    lap = read_laps({"lyrics": found}, wanted={"lyrics": wanted})["lyrics"]
    assert (lap.call_s, lap.rows_per_s, lap.setting) == (0.5, 6.0, "1 x 2 threads")
    assert lap.max_error == pytest.approx(0.15)
    assert lap.num_wrong == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise ValueError('no such kind')", "code 1: ValueError: no such kind"),
        ("raise SystemExit(3)", "code 3: it left no message"),
    ],
)
def test_process_that_fails_says_why(code, message, tmp_path):
    with pytest.raises(PeerError, match=message):
        run_process([sys.executable, "-c", code], python=PYTHON, scratch=tmp_path)


def test_process_that_hangs_is_stopped(monkeypatch, tmp_path):
    monkeypatch.setattr(turn, "TIMEOUT_S", 0.3)
    with pytest.raises(PeerError, match="not done within 0 s"):
        run_process(["sleep", "60"], python=PYTHON, scratch=tmp_path)
