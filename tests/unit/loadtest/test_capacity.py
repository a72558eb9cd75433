"""The search for the capacity, against servers of which the capacity is known."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from emotion_loadtest import capacity
from emotion_loadtest.capacity import (
    FIRST_SHARES,
    LOWEST_SHARE,
    MAX_STEPS,
    Bench,
    CannotMeasure,
    Capacity,
    Step,
    choose_rate,
    find_capacity,
)
from load_runs import build_step

URL = "127.0.0.1:1"
FACTS = {"server": "here"}
MOST_PER_S = 100.0
LIMIT_MS = 500.0
SLOW_MS = 2 * LIMIT_MS
PRECISION = 0.05


class FakeBench:
    """Measures at once.

    Args:
        measure: returns the step of a rate.
        most_per_s: in a closed loop.
        max_p99_ms: the limit.
    """

    def __init__(self, measure, *, most_per_s=MOST_PER_S, max_p99_ms=LIMIT_MS):
        self.max_p99_ms = max_p99_ms
        self.lines: list[str] = []
        self.rates: list[float] = []
        self._measure = measure
        self._most_per_s = most_per_s

    def report(self, line):
        self.lines.append(line)

    def measure_most(self):
        assert self.rates == []
        return self._most_per_s, FACTS

    def measure(self, rate):
        assert rate > 0
        self.rates.append(rate)
        return self._measure(rate)


class FakeLocust:
    """Keeps its options, and writes the report that they ask for.

    Args:
        report: returns what a run writes; None writes no report.
    """

    def __init__(self, report):
        self.report = report
        self.calls: list[list[str]] = []

    def __call__(self, options):
        self.calls.append(options)
        named = dict(each[2:].split("=", 1) for each in options if "=" in each)
        if self.report is None:
            return 2
        file = Path(named["report"]) / "report.json"
        assert not file.exists(), "of an earlier run"
        file.write_text(json.dumps(self.report), encoding="utf-8")
        return 0


def build_report(*, problem=None, saturation=None, **changes):
    """What a run writes, as far as it is read here."""
    callers = {
        "texts_per_s": 44.0,
        "due_per_s": 45.0,
        "error_share": 0.0,
        "failures": {},
        "percentiles_ms": {"p50": 20.0, "p95": 50.0, "p99": 80.0},
    }
    return {
        "problem": problem,
        "saturation": saturation,
        "facts": FACTS,
        "callers": {**callers, **changes},
    }


@pytest.fixture
def start_bench(tmp_path, monkeypatch):
    """Returns a bench and its Locust, which finds the same in every run."""

    def start(report, *, seconds=20, options=()):
        locust = FakeLocust(report)
        monkeypatch.setattr(capacity, "run_locust", locust)
        bench = Bench(
            URL,
            scratch=tmp_path,
            seconds=seconds,
            max_p99_ms=LIMIT_MS,
            options=options,
            report=lambda line: None,
        )
        return bench, locust

    return start


def choose(steps, *, precision=PRECISION):
    return choose_rate(Capacity(LIMIT_MS, MOST_PER_S, steps, {}), precision=precision)


def find(steps):
    return Capacity(LIMIT_MS, MOST_PER_S, steps, {}).held


def queue(serves_per_s):
    """A server with one line before it (M/M/1), whose p99 is known exactly."""

    def measure(rate):
        if rate >= serves_per_s:
            return build_step(rate, p99_ms=60_000, done_per_s=serves_per_s)
        return build_step(rate, p99_ms=1000 * math.log(100) / (serves_per_s - rate))

    return measure


def compute_capacity(serves_per_s, *, max_p99_ms=LIMIT_MS):
    return serves_per_s - 1000 * math.log(100) / max_p99_ms


def slow_above(capacity_per_s):
    return lambda rate: build_step(rate, p99_ms=100.0 if rate <= capacity_per_s else SLOW_MS)


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({"p99_ms": LIMIT_MS}, True),
        ({"p99_ms": LIMIT_MS + 1}, False),
        ({"p99_ms": math.inf}, False),
        ({"error_share": 0.001}, True),
        ({"error_share": 0.002}, False),
        ({"due_per_s": 50.0, "done_per_s": 47.5}, True),
        ({"due_per_s": 50.0, "done_per_s": 47.4}, False),
        ({"due_per_s": 40.0, "done_per_s": 39.0}, True),
        ({"problem": "the generator was the limit"}, False),
    ],
)
def test_step_holds_in_time_without_errors_and_without_a_backlog(changes, holds):
    assert build_step(50.0, **changes).holds(max_p99_ms=LIMIT_MS) is holds


def test_choose_rate_begins_with_shares_of_the_most():
    steps: list[Step] = []
    for share in FIRST_SHARES:
        rate = choose(steps)
        assert rate == share * MOST_PER_S
        steps.append(build_step(rate))
    assert choose(steps) == pytest.approx(99)  # and on above the last, by a tenth


def test_choose_rate_bisects_from_the_first_that_does_not_hold():
    steps = [build_step(25.0), build_step(50.0, p99_ms=SLOW_MS)]
    assert choose(steps) == 37.5
    assert choose([*steps, build_step(37.5)]) == 43.75
    assert choose([*steps, build_step(37.5, p99_ms=SLOW_MS)]) == 31.25


def test_held_is_the_highest_below_the_lowest_that_does_not_hold():
    steps = [
        build_step(90.0),
        build_step(50.0, p99_ms=SLOW_MS),
        build_step(25.0),
        build_step(37.5),
        build_step(43.0, p99_ms=SLOW_MS),
        build_step(45.0),
    ]
    assert find(steps) == steps[3]


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([], id="no-steps"),
        pytest.param([build_step(25.0, p99_ms=SLOW_MS)], id="none-holds"),
        pytest.param([build_step(25.0, p99_ms=SLOW_MS), build_step(30.0)], id="only-above-one"),
    ],
)
def test_held_without_one_is_none(steps):
    assert find(steps) is None


@pytest.mark.parametrize(
    ("serves_per_s", "closed_loop", "max_p99_ms", "precision"),
    [
        # What a closed loop shows may be less than the server does, or more, by fuller batches.
        (60.0, 0.7, 500.0, 0.05),
        (60.0, 1.0, 100.0, 0.05),
        (500.0, 1.4, 5000.0, 0.05),
        (20_000.0, 1.0, 500.0, 0.05),
        (60.0, 0.9, 500.0, 0.5),
        (60.0, 0.9, 500.0, 0.01),
    ],
)
def test_search_finds_the_capacity_of_a_queue(serves_per_s, closed_loop, max_p99_ms, precision):
    bench = FakeBench(
        queue(serves_per_s), most_per_s=closed_loop * serves_per_s, max_p99_ms=max_p99_ms
    )
    found = find_capacity(bench, precision=precision)
    expected = compute_capacity(serves_per_s, max_p99_ms=max_p99_ms)
    assert found.held.rate <= expected <= (1 + precision) * found.held.rate
    assert len(found.steps) < MAX_STEPS
    assert [step.rate for step in found.steps] == bench.rates
    assert (found.max_p99_ms, found.most_per_s) == (max_p99_ms, closed_loop * serves_per_s)
    assert found.facts == FACTS
    assert {line.rsplit(": ")[-1] for line in bench.lines} == {"holds", "does not hold"}


@pytest.mark.parametrize(
    "measure",
    [
        pytest.param(queue(5.0), id="too-slow"),
        pytest.param(lambda rate: build_step(rate, error_share=0.01), id="errors"),
        pytest.param(lambda rate: build_step(rate, p99_ms=math.inf, done_per_s=0), id="no-answer"),
    ],
)
def test_search_where_no_rate_holds_ends_soon_without_an_answer(measure):
    found = find_capacity(FakeBench(measure), precision=PRECISION)
    assert found.held is None
    assert len(found.steps) <= 6
    assert min(step.rate for step in found.steps) <= LOWEST_SHARE * MOST_PER_S


def test_search_of_a_server_that_holds_everything_ends():
    found = find_capacity(FakeBench(slow_above(math.inf)), precision=PRECISION)
    assert len(found.steps) == MAX_STEPS
    assert found.held.rate == max(step.rate for step in found.steps)


@pytest.mark.parametrize("seed", range(5))
def test_search_with_a_noisy_server_ends_near_its_capacity(seed):
    rng, measure = random.Random(seed), queue(60.0)

    def measure_noisily(rate):
        exact = measure(rate)
        p99_ms = exact.p99_ms * rng.uniform(0.7, 1.4)
        return build_step(rate, p99_ms=p99_ms, done_per_s=exact.done_per_s)

    found = find_capacity(FakeBench(measure_noisily, most_per_s=60.0), precision=PRECISION)
    # Where p99 is 1 / 1.4 and 1 / 0.7 of the limit.
    lowest, highest = (compute_capacity(60.0, max_p99_ms=LIMIT_MS / each) for each in (1.4, 0.7))
    assert lowest / (1 + PRECISION) <= found.held.rate <= highest


def walk(steps):
    """Yields the steps of every search there can be, whatever holds and does not."""
    rate = choose(steps)
    if rate is None or len(steps) == MAX_STEPS:
        yield steps
        return
    for p99_ms in (1.0, SLOW_MS):
        yield from walk([*steps, build_step(rate, p99_ms=p99_ms)])


def test_search_ends_within_20_steps_as_precise_as_asked_for_and_tries_no_rate_twice():
    for steps in walk([]):
        assert len({step.rate for step in steps}) == len(steps)
        failed = min((step.rate for step in steps if step.p99_ms == SLOW_MS), default=math.inf)
        held = find(steps)
        if choose(steps) is not None:  # the server holds whatever comes
            assert max(step.rate for step in steps) > 3 * MOST_PER_S
        elif held is None:
            assert failed <= LOWEST_SHARE * MOST_PER_S
        else:
            assert held.rate < failed <= (1 + PRECISION) * held.rate


def test_search_with_the_generator_at_its_limit_stops_at_once():
    def measure(rate):
        return build_step(rate, problem="ask for less" if rate > 40 else None)

    bench = FakeBench(measure)
    with pytest.raises(CannotMeasure, match=r"^ask for less$"):
        find_capacity(bench, precision=PRECISION)
    assert bench.rates == [25, 50]


def test_search_late_calls_of_a_slow_server_are_its_own():
    def measure(rate):
        return slow_above(40.0)(rate) if rate <= 40 else build_step(rate, p99_ms=9e3, problem="x")

    found = find_capacity(FakeBench(measure), precision=PRECISION)
    assert found.held.rate <= 40


def test_bench_first_asks_many_callers_in_a_closed_loop(start_bench, tmp_path):
    bench, locust = start_bench(build_report(), options=["--texts=songs.txt"])
    assert bench.measure_most() == (44, FACTS)
    assert locust.calls == [
        [
            "TextUser",
            f"--host={URL}",
            "--users=64",
            "--spawn-rate=64",
            "--run-time=20s",
            "--warm-up=3",
            f"--report={tmp_path}",
            "--quiet",
            "--texts=songs.txt",
        ]
    ]


@pytest.mark.parametrize(
    ("rate", "seconds"), [(1000.0, 20), (25.0, 20), (10.0, 50), (4.0, 120), (1.0, 120)]
)
def test_bench_low_rate_takes_as_long_as_a_percentile_needs(rate, seconds, start_bench):
    bench, locust = start_bench(build_report())
    assert bench.measure(rate) == Step(
        rate, due_per_s=45, done_per_s=44, p50_ms=20, p95_ms=50, p99_ms=80, error_share=0
    )
    (options,) = locust.calls
    assert options[0] == "TextArrivals"
    assert {f"--run-time={seconds}s", "--max-p99-ms=500"} <= {*options}


def test_bench_without_an_answer_has_infinite_latencies(start_bench):
    nothing = dict.fromkeys(("p50", "p95", "p99"))
    bench, _ = start_bench(build_report(percentiles_ms=nothing, error_share=1.0))
    step = bench.measure(50.0)
    assert (step.p50_ms, step.p95_ms, step.p99_ms) == (math.inf,) * 3
    assert not step.holds(max_p99_ms=1e9)


def test_bench_keeps_the_problem_of_a_run_but_not_of_a_saturated_generator(start_bench):
    full = "the generator was at its limit"
    assert start_bench(build_report(problem="late"))[0].measure(50.0).problem == "late"
    assert start_bench(build_report(saturation=full))[0].measure(50.0).problem is None
    with pytest.raises(CannotMeasure, match=full):
        start_bench(build_report(problem=full, saturation=full))[0].measure(50.0)


@pytest.mark.parametrize(
    ("changes", "answers"),
    [
        ({"texts_per_s": 0.0, "failures": {"Unavailable": 9}}, False),
        ({"error_share": 0.6}, False),
        ({"error_share": 0.5}, True),
    ],
)
def test_bench_server_that_answers_too_little_cannot_be_measured(changes, answers, start_bench):
    bench, _ = start_bench(build_report(**changes))
    if answers:
        assert bench.measure_most() == (44, FACTS)
        return
    with pytest.raises(CannotMeasure, match=f"^{URL} answers too little: "):
        bench.measure_most()


def test_bench_takes_no_report_of_an_earlier_run(start_bench):
    bench, locust = start_bench(build_report())
    bench.measure(30.0)
    locust.report = None
    with pytest.raises(CannotMeasure, match="the load could not be made; see above"):
        bench.measure(30.0)
