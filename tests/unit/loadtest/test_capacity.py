"""The command `loadtest/capacity.py`, with a bench that makes no load."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import capacity
import pytest
from capacity import (
    MAX_STEPS,
    Bench,
    CannotMeasure,
    conclude,
    main,
    make_folder,
    parse_args,
    search,
)
from load_runs import build_step
from verdict.capacity_page import Capacity
from verdict.search import Step

URL = "127.0.0.1:1"
MOST_PER_S = 100.0
FACTS = {"server": "here"}


class FakeBench:
    """Measures at once.

    Args:
        measure: what is found at a rate.
    """

    def __init__(self, measure: Callable[[float], Step]) -> None:
        self.measure_step = measure
        self.rates: list[float] = []

    def measure_most(self) -> tuple[float, dict[str, str]]:
        assert self.rates == []
        return MOST_PER_S, FACTS

    def measure(self, rate: float) -> Step:
        assert rate > 0
        self.rates.append(rate)
        return self.measure_step(rate)


class Locust:
    """Stands in for Locust: it keeps its options, and writes the report that they ask for.

    Args:
        report: tells figures of a run by its options; None writes no report.
    """

    def __init__(self, report: Callable[[dict[str, str]], dict[str, Any] | None]) -> None:
        self.report = report
        self.calls: list[list[str]] = []

    def __call__(self, options: list[str]) -> int:
        self.calls.append(options)
        named = dict(each[2:].split("=", 1) for each in options if "=" in each)
        found = self.report(named)
        if found is None:
            return 2
        file = Path(named["report"]) / "report.json"
        assert not file.exists(), "of an earlier run"
        file.write_text(json.dumps(found), encoding="utf-8")
        return 0


def build_report(
    texts_per_s: float,
    *,
    problem: str | None = None,
    saturation: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """What a run writes, as far as it is read here."""
    callers = {
        "texts_per_s": texts_per_s,
        "due_per_s": texts_per_s,
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


def serve_40_per_s(options: dict[str, str]) -> dict[str, Any]:
    """A server that is quick up to 40 calls a second."""
    if "arrivals-per-user" not in options:
        return build_report(44.0)
    rate = int(options["users"]) * float(options["arrivals-per-user"])
    slow = {"p50": 900.0, "p95": 4000.0, "p99": 8000.0}
    return build_report(rate) if rate <= 40 else build_report(rate, percentiles_ms=slow)


@pytest.fixture
def start_locust(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Locust]:
    def start(report: Callable[[dict[str, str]], dict[str, Any] | None]) -> Locust:
        locust = Locust(report)
        monkeypatch.setattr(capacity, "run_locust", locust)
        return locust

    return start


def run_search(measure: Callable[[float], Step], *arguments: str) -> tuple[Capacity, list[float]]:
    bench = FakeBench(measure)
    args, _ = parse_args([*arguments])
    return search(bench, args), bench.rates  # type: ignore[arg-type]


def build_bench(folder: Path, *, seconds: int = 20, options: tuple[str, ...] = ()) -> Bench:
    return Bench(URL, scratch=folder, seconds=seconds, max_p99_ms=500, options=[*options])


def slow_above(capacity_per_s: float) -> Callable[[float], Step]:
    return lambda rate: build_step(rate, p99_ms=100.0 if rate <= capacity_per_s else 5000.0)


def test_search_finds_the_highest_rate_that_holds() -> None:
    found, rates = run_search(slow_above(61.0))
    assert found.held is not None
    assert found.held.rate <= 61 <= 1.05 * found.held.rate
    assert [step.rate for step in found.steps] == rates
    assert (found.max_p99_ms, found.most_per_s, found.facts) == (500, MOST_PER_S, FACTS)


def test_search_with_another_limit_and_precision_heeds_them() -> None:
    found, rates = run_search(slow_above(61.0), "--max-p99-ms=99", "--precision=0.3")
    assert (found.held, found.max_p99_ms) == (None, 99)
    found, rates = run_search(slow_above(61.0), "--max-p99-ms=101", "--precision=0.6")
    assert rates == [25, 50, 75]


def test_search_where_no_rate_holds_ends() -> None:
    found, rates = run_search(slow_above(0.0))
    assert found.held is None
    assert len(rates) < 10


def test_search_of_a_server_that_holds_everything_ends() -> None:
    found, rates = run_search(slow_above(math.inf))
    assert len(rates) == MAX_STEPS
    assert found.held is not None
    assert found.held.rate == max(rates)


def test_search_with_the_generator_at_its_limit_stops_at_once() -> None:
    def measure(rate: float) -> Step:
        return build_step(rate, problem="ask for less" if rate > 40 else None)

    with pytest.raises(CannotMeasure, match=r"^ask for less$"):
        run_search(measure)


def test_search_late_calls_of_a_slow_server_are_its_own() -> None:
    def measure(rate: float) -> Step:
        return slow_above(40.0)(rate) if rate <= 40 else build_step(rate, p99_ms=9e3, problem="x")

    found, _ = run_search(measure)
    assert found.held is not None
    assert found.held.rate <= 40


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--max-p99-ms", "0"], "'0' is no number above 0"),
        (["--max-p99-ms=-5"], "'-5' is no number above 0"),
        (["--max-p99-ms", "soon"], "'soon' is no number above 0"),
        (["--seconds", "0"], "'0' is no whole number of 1 to"),
        (["--precision", "0"], "'0' is no share above 0, at most 1"),
        (["--precision", "5"], "'5' is no share above 0, at most 1"),
        (["--precision", "nan"], "'nan' is no share above 0, at most 1"),
        (["--precision", "high"], "'high' is no share above 0, at most 1"),
        (["--url", "nowhere"], "argument --url"),
    ],
    ids=[
        "no-limit",
        "negative-limit",
        "limit-word",
        "no-seconds",
        "no-precision",
        "percent",
        "precision-nan",
        "precision-word",
        "no-address",
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_bench_first_asks_many_callers_in_a_closed_loop(
    tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    locust = start_locust(serve_40_per_s)
    bench = build_bench(tmp_path, options=("--texts=songs.txt",))
    assert bench.measure_most() == (44, FACTS)
    assert locust.calls == [
        [
            "TextUser",
            f"--host={URL}",
            "--users=64",
            "--spawn-rate=64",
            "--run-time=20s",
            f"--report={tmp_path}",
            "--quiet",
            "--texts=songs.txt",
        ]
    ]


@pytest.mark.parametrize(
    ("rate", "seconds"),
    [(1000.0, 20), (25.0, 20), (10.0, 50), (1.0, 120)],
    ids=["fast", "just-enough-calls", "longer", "at-most-two-minutes"],
)
def test_bench_low_rate_takes_as_long_as_a_percentile_needs(
    rate: float, seconds: int, tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    locust = start_locust(lambda options: build_report(rate))
    step = build_bench(tmp_path).measure(rate)
    assert step == Step(rate, rate, rate, p50_ms=20, p95_ms=50, p99_ms=80, error_share=0)
    (options,) = locust.calls
    assert options[0] == "TextArrivals"
    assert f"--run-time={seconds}s" in options


def test_bench_without_an_answer_has_infinite_latencies(
    tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    nothing = dict.fromkeys(("p50", "p95", "p99"))
    start_locust(lambda options: build_report(0.0, percentiles_ms=nothing, error_share=1.0))
    step = build_bench(tmp_path).measure(50.0)
    assert (step.p50_ms, step.p95_ms, step.p99_ms) == (math.inf,) * 3
    assert not step.holds(max_p99_ms=1e9)


def test_bench_keeps_the_problem_of_a_run(
    tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    start_locust(lambda options: build_report(50.0, problem="it was late"))
    assert build_bench(tmp_path).measure(50.0).problem == "it was late"


def test_bench_with_a_saturated_generator_measures_nothing(
    tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    full = "the generator was at its limit"
    start_locust(lambda options: build_report(50.0, problem=full, saturation=full))
    with pytest.raises(CannotMeasure, match=full):
        build_bench(tmp_path).measure(50.0)
    start_locust(lambda options: build_report(50.0, saturation=full))
    assert build_bench(tmp_path).measure(50.0).problem is None


@pytest.mark.parametrize(
    "changes",
    [{"texts_per_s": 0.0, "failures": {"Unavailable": 9}}, {"error_share": 0.6}],
    ids=["nothing", "most-fail"],
)
def test_bench_server_that_answers_too_little_cannot_be_measured(
    changes: dict[str, Any], tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    start_locust(lambda options: build_report(**{"texts_per_s": 44.0, **changes}))
    with pytest.raises(CannotMeasure, match=f"^{URL} answers too little: "):
        build_bench(tmp_path).measure_most()


def test_bench_takes_no_report_of_an_earlier_run(
    tmp_path: Path, start_locust: Callable[..., Locust]
) -> None:
    locust = start_locust(serve_40_per_s)
    bench = build_bench(tmp_path)
    bench.measure(30.0)
    locust.report = lambda options: None
    with pytest.raises(CannotMeasure, match="the load could not be made; see above"):
        bench.measure(30.0)


@pytest.mark.parametrize(
    ("steps", "code"), [([build_step(30.0)], 0), ([], 1)], ids=["found", "none-holds"]
)
def test_conclude_writes_page_picture_and_json(
    steps: list[Step], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Capacity(500.0, 44.0, steps, FACTS)
    folder = tmp_path / "new" / "reports"
    make_folder(folder)
    assert conclude(found, folder=folder) == code
    assert found.sentence in capsys.readouterr().out
    assert {file.name for file in folder.iterdir()} == {
        "capacity.html",
        "capacity.json",
        "capacity.png",
    }


def test_main_finds_the_capacity_of_a_server(
    tmp_path: Path, start_locust: Callable[..., Locust], capsys: pytest.CaptureFixture[str]
) -> None:
    start_locust(serve_40_per_s)
    assert main(["--url", URL, "--report", str(tmp_path), "--seconds=1"]) == 0
    out = capsys.readouterr().out
    document = json.loads((tmp_path / "capacity.json").read_text(encoding="utf-8"))
    assert document["held"]["rate"] <= 40 <= 1.05 * document["held"]["rate"]
    assert f"holds {document['held']['rate']:.1f} texts/s" in out


def test_main_load_that_cannot_be_made_is_code_2(
    tmp_path: Path, start_locust: Callable[..., Locust], capsys: pytest.CaptureFixture[str]
) -> None:
    start_locust(lambda options: None)
    assert main(["--url", URL, "--report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == "loadtest: the load could not be made; see above\n"
    assert [*tmp_path.iterdir()] == []


def test_main_report_that_cannot_be_written_is_code_2(
    tmp_path: Path, start_locust: Callable[..., Locust], capsys: pytest.CaptureFixture[str]
) -> None:
    start_locust(serve_40_per_s)
    file = tmp_path / "file"
    file.write_text("")
    assert main(["--url", URL, "--report", str(file)]) == 2
    assert str(file) in capsys.readouterr().err


def test_main_interruption_is_code_0(
    tmp_path: Path, start_locust: Callable[..., Locust], capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(options: dict[str, str]) -> None:
        raise KeyboardInterrupt

    start_locust(interrupt)
    assert main(["--url", URL, "--report", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("loadtest: stopped\n")
