"""Targets of a file, and whether they are met."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from load_runs import build_run, build_samples
from verdict.figures import Figures, ServerFigures
from verdict.targets import NAMES, TargetError, Targets, find_problem, judge, read_targets

LOADTEST = Path(__file__).resolve().parents[4] / "loadtest"
ALL = Targets(**dict.fromkeys(NAMES, 1.0))
FIGURES = Figures(
    seconds=6,
    num_calls=128,
    due_per_s=128 / 6,
    texts_per_s=16,
    answered_share=0.75,
    error_share=0.25,
    failures={"Overloaded": 32},
    percentiles_ms={50.0: 250, 75.0: 300, 90.0: 400, 95.0: 500, 99.0: 1000, 99.9: 2000},
    max_ms=3000,
)
SERVER = ServerFigures(
    seconds=6, rows_per_s=16, rows_per_batch=4, queue_ms=50, busy_share=0.5, difference=0
)


def write(folder: Path, content: str, *, encoding: str = "utf-8") -> Path:
    file = folder / "mine.toml"
    file.write_text(content, encoding=encoding)
    return file


def test_read_targets_takes_those_that_are_there(tmp_path: Path) -> None:
    file = write(tmp_path, "min_rate = 40  # texts\nmax_error_share = 0.5\n")
    assert read_targets(file) == Targets(min_rate=40, max_error_share=0.5)


def test_read_targets_of_an_empty_file_asks_for_nothing(tmp_path: Path) -> None:
    assert read_targets(write(tmp_path, "")) == Targets()


def test_read_targets_the_project_s_own_file_has_every_target_of_a_closed_loop() -> None:
    targets = asdict(read_targets(LOADTEST / "targets.toml"))
    assert [*targets] == [*NAMES]
    missing = [name for name, value in targets.items() if value is None]
    assert missing == ["min_answered_share"]  # in a closed loop it says nothing


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("max_p98_ms = 1", f"max_p98_ms is no target; choose of {', '.join(NAMES)}"),
        ("[server]\nmin_rate = 1", "server is no target; choose of "),
        ("min_rate = -0.5", "min_rate is -0.5; it must be at least 0"),
        ("min_rate = '40'", "min_rate is '40'; it must be a number"),
        ("min_rate = true", "min_rate is True; it must be a number"),
        ("max_p99_ms = nan", "max_p99_ms is nan; it must be a number"),
        ("max_p99_ms = inf", "max_p99_ms is inf; it must be a number"),
        ("max_error_share = 1.5", "max_error_share is 1.5; it must be at most 1: it is a share"),
        ("min_rate = ", "no TOML: "),
        ("min_rate = 1\nmin_rate = 2", "no TOML: "),
    ],
    ids=[
        "unknown-key",
        "table",
        "negative",
        "text",
        "boolean",
        "nan",
        "infinite",
        "share-above-1",
        "no-value",
        "twice",
    ],
)
def test_read_targets_bad_file_names_file_key_and_value(
    content: str, problem: str, tmp_path: Path
) -> None:
    file = write(tmp_path, content)
    with pytest.raises(TargetError) as caught:
        read_targets(file)
    assert str(caught.value).startswith(f"{file}: {problem}")


def test_read_targets_file_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="no TOML: "):
        read_targets(write(tmp_path, "# für mich", encoding="latin-1"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [("missing.toml", "No such file or directory"), ("", "Is a directory")],
    ids=["missing", "folder"],
)
def test_read_targets_without_a_file_says_what_to_name(
    name: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(TargetError, match=f"{problem}; name a file of targets"):
        read_targets(tmp_path / name)


@pytest.mark.parametrize("name", NAMES)
def test_find_problem_zero_and_one_are_limits_of_everything(name: str) -> None:
    assert (find_problem(name, 0), find_problem(name, 1.0)) == (None, None)


def test_override_leaves_what_is_none() -> None:
    targets = Targets(min_rate=40, max_p99_ms=500)
    values = {"min_rate": 0.0, "max_p99_ms": None, "max_p50_ms": 9.0}
    assert targets.override(values) == Targets(min_rate=0, max_p99_ms=500, max_p50_ms=9)


@pytest.mark.parametrize(
    ("name", "limit", "is_met"),
    [
        ("min_rate", 16, True),
        ("min_rate", 16.1, False),
        ("max_p50_ms", 250, True),
        ("max_p50_ms", 249, False),
        ("max_p95_ms", 500, True),
        ("max_p95_ms", 499, False),
        ("max_p99_ms", 1000, True),
        ("max_p99_ms", 999, False),
        ("max_error_share", 0.25, True),
        ("max_error_share", 0.24, False),
        ("min_mean_batch", 4, True),
        ("min_mean_batch", 4.1, False),
    ],
)
def test_judge_target_at_its_limit_is_met_and_beyond_it_is_not(
    name: str, limit: float, is_met: bool
) -> None:
    targets = Targets(**{name: limit})
    (judgement,) = judge(targets, figures=FIGURES, server=SERVER)
    assert (judgement.name, judgement.limit, judgement.is_met) == (name, limit, is_met)


def test_judge_only_the_targets_that_are_asked_for() -> None:
    run = build_run(targets=Targets(max_p99_ms=500, min_rate=0))
    assert [judgement.name for judgement in run.judgements] == ["min_rate", "max_p99_ms"]


def test_judge_no_call_meets_no_target_but_a_rate_of_0() -> None:
    run = build_run([], polls=[], targets=ALL.override({"min_rate": 0}))
    assert {judgement.name for judgement in run.judgements if judgement.is_met} == {"min_rate"}


def test_judge_nothing_answered_meets_no_latency() -> None:
    run = build_run(build_samples(failure="Unavailable"), targets=Targets(max_p50_ms=1e9))
    assert not run.is_met


def test_judge_without_a_look_at_the_server_meets_no_batch() -> None:
    run = build_run(polls=[], targets=Targets(min_mean_batch=0))
    assert not run.is_met
