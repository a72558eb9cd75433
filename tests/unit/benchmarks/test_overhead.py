"""The command `benchmarks/overhead.py`, without a server."""

import json
from types import SimpleNamespace

import pytest
from emotion_benchmarks.overhead.result import Latencies, Lone, Result
from emotion_benchmarks.overhead.steps import Steps
from emotion_client import Unavailable
from emotion_server.errors import StartError

from benchmarks import overhead

CALLS = Latencies(100, first_ms=1.0, mean_ms=1.0, p50_ms=1.0, p99_ms=1.0, max_ms=1.0)

STEPS = Steps(total_ms=1.0, python_ms=0.1, grpc_ms=0.1, triton_ms=(0.1, 0.1, 0.1, 0.1))


@pytest.fixture(autouse=True)
def texts(monkeypatch):
    """Leaves out the checkpoint and its texts."""
    monkeypatch.setattr(overhead, "check_repository", lambda path: None)
    monkeypatch.setattr(overhead, "read_checkpoint", lambda path: SimpleNamespace(revision="r1"))
    monkeypatch.setattr(overhead, "read_texts", lambda checkpoint, **numbers: numbers)


@pytest.mark.parametrize(("ready_s", "code"), [(20.0, 0), (20.1, 1)], ids=["met", "missed"])
def test_exit_code_says_whether_targets_are_met(ready_s, code, monkeypatch, tmp_path, capsys):
    rates = {"aio": [1e6]}
    result = Result(rates, rates, Lone(ready_s, CALLS, CALLS, CALLS, STEPS), {32: CALLS})
    monkeypatch.setattr(overhead.Bench, "measure", lambda bench, texts: result)
    path = tmp_path / "overhead.json"
    assert overhead.main([f"--json={path}"]) == code
    assert capsys.readouterr().out.count("MISSED  ") == code
    document = json.loads(path.read_text())
    assert (document["seed"], document["revision"]) == (1, "r1")
    assert document["lone"]["lyrics"]["num_calls"] == 100
    assert [each["is_met"] for each in document["figures"]].count(False) == code


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        pytest.param(StartError("no checkpoint"), 2, "no checkpoint", id="no-start"),
        pytest.param(Unavailable("it is gone"), 1, "it is gone", id="died"),
        pytest.param(KeyboardInterrupt(), 0, "stopped", id="ctrl-c"),
    ],
)
def test_error_decides_the_exit_code(error, code, sentence, monkeypatch, capsys):
    def fail(bench, texts):
        raise error

    monkeypatch.setattr(overhead.Bench, "measure", fail)
    assert overhead.main([]) == code
    assert capsys.readouterr().err == f"bench-overhead: {sentence}\n"
