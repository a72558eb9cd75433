"""The command `loadtest/request_path.py`, without a server."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import request_path
from emotion_engine.checkpoint import read_checkpoint
from path.figures import Latencies
from path.lone_requests import PAIRS_AT_A_TIME, time_each
from path.repositories import build_distilbert_repository, build_empty_repository
from request_path import (
    MIN_REQUESTS_PER_ROUND,
    MIN_TEXTS,
    OVER_ENGINE,
    READY,
    SPREAD,
    Lone,
    build_distilbert_figures,
    build_lone_figures,
    main,
    parse_args,
)
from serving.start_error import StartError


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--requests", "499"], "--requests is 499; 5 rounds need at least 500, or give fewer"),
        (["--texts", "99"], "--texts is 99; a p99 needs at least 100"),
        (["--pairs", "10"], "--pairs is 10; a p99 needs at least 100"),
        (["--rounds", "0"], "'0' is no whole number of 1 to"),
        (["--json", "/"], "--json /: is a folder; name a file"),
        (["--json", "/nowhere/path.json"], "its folder does not exist; make it first"),
        (["--url", "127.0.0.1:8001"], "unrecognized arguments"),
    ],
    ids=[
        "few-requests",
        "few-texts",
        "few-pairs",
        "no-round",
        "folder",
        "missing-folder",
        "server-of-others",
    ],
)
def test_wrong_usage_is_one_sentence_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_defaults_are_enough() -> None:
    args = parse_args([])
    assert args.requests >= MIN_REQUESTS_PER_ROUND * args.rounds
    assert min(args.texts, args.pairs) >= MIN_TEXTS
    assert args.pairs % PAIRS_AT_A_TIME == 0


@pytest.mark.parametrize(("is_met", "code"), [(True, 0), (False, 1)], ids=["met", "missed"])
def test_exit_code_says_whether_targets_are_met(
    is_met: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_path, "run", lambda args, check: is_met)
    assert main([]) == code


def test_no_start_is_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path) -> None:
        raise StartError("no checkpoint; run `make prepare`")

    monkeypatch.setattr(request_path, "check_repository", fail)
    assert main([]) == 2
    assert capsys.readouterr().err == "request_path: no checkpoint; run `make prepare`\n"


def test_ctrl_c_is_code_0(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(request_path, "check_repository", stop)
    assert main([]) == 0
    assert capsys.readouterr().out == "request_path: stopped\n"


def test_empty_repository_differs_in_one_file(tmp_path: Path) -> None:
    repository = build_empty_repository(tmp_path)
    files = {
        path.relative_to(repository)
        for path in repository.rglob("*")
        if path.is_file() and "checkpoint" not in path.parts
    }
    differing = {
        path
        for path in files
        if (repository / path).read_bytes() != (request_path.REPOSITORY / path).read_bytes()
    }
    assert differing == {Path("emotion", "1", "model.py")}


def test_lone_figures_judge_lyrics_and_the_way_beside_the_engine() -> None:
    lone = Lone(
        ready_s=20.5,
        lyrics=Latencies(100, first_ms=9.0, mean_ms=4.0, p50_ms=4.0, p99_ms=10.0, max_ms=11.0),
        client=Latencies(100, first_ms=6.0, mean_ms=6.0, p50_ms=6.0, p99_ms=18.0, max_ms=18.0),
        engine=Latencies(100, first_ms=4.0, mean_ms=4.0, p50_ms=4.0, p99_ms=5.0, max_ms=5.0),
    )
    judged = {figure.name: figure for figure in build_lone_figures(lone) if figure.target}
    ready, spread, over_engine = judged.values()
    assert (ready.value, ready.target, ready.is_met) == (20.5, READY, False)
    assert (spread.value, spread.target, spread.is_met) == (2.5, SPREAD, False)
    assert (over_engine.value, over_engine.target, over_engine.is_met) == (1.5, OVER_ENGINE, True)


def test_distilbert_figures_are_rates_with_a_target_by_length() -> None:
    usual = Latencies(100, first_ms=9.0, mean_ms=5.0, p50_ms=4.0, p99_ms=10.0, max_ms=11.0)
    figures = build_distilbert_figures({64: usual, 32: usual})
    assert [(figure.value, figure.is_met) for figure in figures] == [(200, True), (200, False)]


def test_distilbert_repository_serves_that_shape_with_the_checkpoints_tokenizer(
    tmp_path: Path, prepared_of: Callable[[str], Path]
) -> None:
    checkpoint = read_checkpoint(prepared_of("bert"))
    repository = build_distilbert_repository(tmp_path, checkpoint=checkpoint)
    built = read_checkpoint(repository / "emotion" / "1" / "checkpoint")
    assert built.tokenizer_json() == checkpoint.tokenizer_json()
    assert (built.labels, built.max_length) == (checkpoint.labels, checkpoint.max_length)
    config = json.loads((built.folder / "config.json").read_text())
    assert (config["model_type"], config["n_layers"], config["dim"]) == ("distilbert", 6, 768)


def test_time_each_calls_once_in_order_and_checks_between() -> None:
    calls: list[str] = []
    times_s = time_each(calls.append, ["a", "b"], check=lambda: calls.append("check"))
    assert calls == ["check", "a", "check", "b"]
    assert len(times_s) == 2
