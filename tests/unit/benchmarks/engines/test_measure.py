"""The turns of the engines, and their answers beside the right ones."""

from contextlib import contextmanager

import numpy as np
import pytest
from emotion_benchmarks.comparison.peers import PeerError
from emotion_benchmarks.engines import measure as module
from emotion_benchmarks.engines.contenders import CONTENDERS
from emotion_benchmarks.engines.job import EngineJob
from emotion_benchmarks.engines.measure import Bench, Plan, measure, summarize
from emotion_benchmarks.engines.running_engine import Tuned

OURS, OTHER, THIRD = CONTENDERS[:3]
RIGHT = np.array([[0.75, 0.25]], dtype=np.float32)


class FakeEngine:
    """Notes what it is asked, and fails at one point."""

    def __init__(self, contender, *, asked, fails_at):
        self.contender, self.asked, self.fails_at = contender, asked, fails_at

    def tune(self, rows):
        self._note(f"tune {len(rows)}")
        return Tuned(np.repeat(RIGHT, len(rows), axis=0), "x")

    def time(self, seconds):
        self._note(f"time {seconds}")
        return 0.5

    def _note(self, what):
        self.asked.append((self.contender, what))
        if (self.contender, what) == self.fails_at:
            raise PeerError("it ended")


@pytest.fixture
def run(monkeypatch):
    """Measures three engines in two rounds of two workloads; returns also what was asked."""

    def run(*, fails_at=None, models=("default",)):
        asked = []

        @contextmanager
        def run_engine(contender, *, job, num_threads):
            assert num_threads == 2
            if (contender, "load") == fails_at:
                raise PeerError("it is not installed")
            asked.append((contender, "load"))
            yield FakeEngine(contender, asked=asked, fails_at=fails_at)
            asked.append((contender, "end"))

        monkeypatch.setattr(module, "run_engine", run_engine)
        workloads = {"one": [[1]], "two": [[1], [2]]}
        wanted = {name: np.repeat(RIGHT, len(rows), axis=0) for name, rows in workloads.items()}
        jobs = [EngineJob(model, None, workloads, [], wanted) for model in models]
        bench = Bench(Plan(2, 1.0, 2), report=lambda line: None, check=lambda: None)
        return measure([OURS, OTHER, THIRD], jobs=jobs, bench=bench), asked

    return run


def test_all_engines_are_loaded_and_tuned_and_then_take_turns(run):
    comparison, asked = run()
    names = "load", "tune 1", *["time 1.0"] * 2, "tune 2", *["time 1.0"] * 2
    phases = [asked[i : i + 3] for i in range(0, 21, 3)]
    assert [{name for _, name in phase} for phase in phases] == [{name} for name in names]
    orders = [[each for each, _ in phase] for phase in phases]
    assert orders[2] == [OURS, OTHER, THIRD]
    assert orders[3] == [OTHER, THIRD, OURS]
    assert {name for _, name in asked[21:]} == {"end"}
    assert comparison.outcomes[1].times["default"]["two"].rates == [4.0, 4.0]


@pytest.mark.parametrize("step", ["load", "tune 1", "time 1.0", "tune 2"])
def test_engine_that_fails_has_no_more_turns(step, run):
    comparison, asked = run(fails_at=(OTHER, step), models=("default", "bert-base"))
    failed = comparison.outcomes[1]
    assert failed.error in ("it ended", "it is not installed")
    assert [each.contender for each in comparison.measured] == [OURS, THIRD]
    steps = [name for each, name in asked if each == OTHER and name != "end"]
    assert (step == "load" and not steps) or steps.index(step) == len(steps) - 1
    assert [name for each, name in asked if each == OURS].count("time 1.0") == 8


def test_summarize_takes_the_error_of_the_label_that_is_given():
    tuned = Tuned(np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]], dtype=np.float32), "1 x 2")
    wanted = np.array([[0.88, 0.12], [0.55, 0.45], [0.5, 0.5]], dtype=np.float32)
    found = summarize(tuned, wanted=wanted, calls_s=[0.5, 1.5])
    assert found.max_error == pytest.approx(0.15)
    assert (found.num_wrong, found.setting, found.rates) == (1, "1 x 2", [6.0, 2.0])
