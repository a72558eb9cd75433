"""The command `benchmarks/engines.py`."""

import json

import pytest
from emotion_benchmarks.comparison import peers
from emotion_benchmarks.engines.contenders import CONTENDERS

from benchmarks import engines


@pytest.fixture
def own(monkeypatch, prepared_of):
    """The checkpoint is a small one, and no other engine is installed."""
    monkeypatch.setattr(engines, "CHECKPOINT", prepared_of("bert"))


def test_no_checkpoint_is_code_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(engines, "CHECKPOINT", tmp_path)
    assert engines.main([]) == 2
    assert "run scripts/prepare_model.py" in capsys.readouterr().err


def test_measures_ours_and_torch_and_names_what_is_missing(own, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(peers, "VENVS", tmp_path)
    file = tmp_path / "engines.json"
    options = ["--models", "default", "--rounds=1", "--seconds=0.001", f"--json={file}"]
    code = engines.main([*options, "--only", "ours-float32", "torch", "openvino"])
    out = capsys.readouterr().out
    assert code == 0, out
    found = json.loads(file.read_text())
    assert found["num_threads"] >= 1
    assert found["engines"]["ours-float32"]["max_error"] < 1e-5
    times = found["engines"]["torch"]["models"]["default"]
    assert list(times) == ["1 row of 32", "1 row of 128", "8 lyrics", "64 lyrics"]
    assert "batches of" in times["64 lyrics"]["setting"]
    assert "OpenVINO, bfloat16: not measured: its virtual environment is missing" in out
    assert [each for each in CONTENDERS if f"\n{each}  " in out] == [
        each for each in CONTENDERS if each.key in ("ours-float32", "torch")
    ]


def test_ours_that_fails_is_code_1(own, monkeypatch, capsys):
    monkeypatch.setattr("emotion_benchmarks.engines.running_engine.PROCESS", "/no/such/file.py")
    options = ["--models", "default", "--rounds=1", "--only", "ours-float32"]
    assert engines.main(options) == 1
    assert "ours, float32: not measured: it ended with code 2" in capsys.readouterr().out
