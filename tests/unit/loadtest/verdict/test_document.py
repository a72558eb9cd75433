"""A run as JSON."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from load_runs import build_run, build_samples
from verdict.document import build_json
from verdict.figures import PERCENTILES, Figures, ServerFigures
from verdict.run import Run
from verdict.targets import Targets


def refuse(name: str) -> None:
    pytest.fail(f"{name} is no JSON")


def read(run: Run) -> dict[str, Any]:
    """Reads as strictly as other languages do."""
    document = json.loads(build_json(run), parse_constant=refuse)
    assert isinstance(document, dict)
    return document


def test_document_has_the_whole_run() -> None:
    run = build_run(targets=Targets(min_rate=15, max_p99_ms=200))
    document = read(run)
    assert (document["is_met"], document["problem"]) == (False, None)
    assert document["targets"] == [
        {"name": "min_rate", "limit": 15, "measured": 16, "is_met": True},
        {"name": "max_p99_ms", "limit": 200, "measured": 250, "is_met": False},
    ]
    assert document["callers"].keys() == {field.name for field in fields(Figures)}
    assert document["server"].keys() == {field.name for field in fields(ServerFigures)}
    assert document["generator"] == {"cpu_share": 0.25, "num_processes": 2}
    assert (document["warm_up_s"], document["facts"]) == (2, {"server": "127.0.0.1:8001"})
    assert (len(document["seconds"]), len(document["looks"])) == (8, 8)


def test_document_percentiles_have_names() -> None:
    percentiles_ms = read(build_run())["callers"]["percentiles_ms"]
    assert percentiles_ms == {"p50": 250, "p75": 250, "p90": 250} | dict.fromkeys(
        ("p95", "p99", "p99.9"), 250
    )
    assert len(percentiles_ms) == len(PERCENTILES)


def test_document_says_why_there_is_no_verdict() -> None:
    run = build_run(build_samples(late_s=0.2))
    document = read(run)
    assert document["problem"] == document["lateness"] == run.lateness
    assert document["saturation"] is None


@pytest.mark.parametrize(
    "run",
    [
        build_run([], polls=[], targets=Targets(max_p99_ms=200)),
        build_run(build_samples(failure="Unavailable"), targets=Targets(max_p99_ms=200)),
    ],
    ids=["no-calls", "all-failed"],
)
def test_document_what_was_not_measured_is_null(run: Run) -> None:
    document = read(run)
    assert set(document["callers"]["percentiles_ms"].values()) == {None}
    assert document["callers"]["max_ms"] is None
    assert document["targets"][0]["measured"] is None
    assert {second["p50_ms"] for second in document["seconds"]} == {None}


def test_document_without_a_look_at_the_server_has_null_for_it() -> None:
    document = read(build_run(polls=[]))
    assert (document["server"], document["looks"]) == (None, [])
