"""The benchmark of the engine, as a command."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import bench
import pytest
import torch


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(["--seconds=0"], "--seconds is 0; it must be above 0", id="no-time"),
        pytest.param(["--threads=-1"], "--threads is -1; it must be 0 or more", id="threads"),
        pytest.param(["--device=abacus"], "--device abacus", id="unknown-device"),
        pytest.param(["--by-length", "--json=x"], "leave out --by-length or --json", id="both"),
        pytest.param(["--models=gpt"], "invalid choice: 'gpt'", id="unknown-model"),
    ],
)
def test_wrong_usage_exits_two(
    capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        bench.parse_args(options)
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err


def test_no_checkpoint_exits_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(bench, "CHECKPOINT", tmp_path)
    assert bench.main(["--seconds=0.001"]) == 2
    assert "run scripts/prepare_model.py" in capsys.readouterr().err


def test_measures_every_workload(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prepared_of: Callable[[str], Path]
) -> None:
    monkeypatch.setattr(bench, "CHECKPOINT", prepared_of("bert"))
    file = tmp_path / "bench.json"
    assert bench.main(["--models", "default", "--seconds=0.001", f"--json={file}"]) == 0
    measurements = json.loads(file.read_text())["measurements"]
    assert [each["workload"] for each in measurements] == [
        "1 row of 32",
        "64 rows of 128",
        "8 lyrics",
        "64 lyrics",
    ]
    assert all(each["flops_per_s"] > 0 for each in measurements)


def test_by_length_ends_with_a_verdict(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    prepared_of: Callable[[str], Path],
) -> None:
    monkeypatch.setattr(bench, "CHECKPOINT", prepared_of("bert"))
    assert bench.main(["--by-length", "--models", "default", "--seconds=0.001"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[3:-1]] == ["8", "16", "32", "64", "128"]
    assert lines[-1].startswith(("met", "MISSED"))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_measures_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, prepared_of: Callable[[str], Path]
) -> None:
    monkeypatch.setattr(bench, "CHECKPOINT", prepared_of("bert"))
    file = tmp_path / "bench.json"
    assert bench.main(["--device=cuda", "--seconds=0.01", f"--json={file}"]) == 0
    assert len(json.loads(file.read_text())["measurements"]) == 12
