"""The command `benchmarks/engine.py`."""

import json

import pytest
import torch
from emotion_engine import processor

from benchmarks import engine


def test_no_checkpoint_is_code_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(engine, "CHECKPOINT", tmp_path)
    assert engine.main(["--seconds=0.001"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("bench: ")
    assert "run scripts/prepare_model.py" in err


def test_cuda_graphs_without_a_gpu_are_code_2(monkeypatch, capsys, prepared_of):
    monkeypatch.setattr(engine, "CHECKPOINT", prepared_of("bert"))
    for model in ("default", "distilbert"):
        assert engine.main(["--models", model, "--cuda-graphs=on", "--seconds=0.001"]) == 2
        assert "cuda_graphs is 'on', but the device is cpu" in capsys.readouterr().err


def test_measures_every_workload(monkeypatch, capsys, tmp_path, prepared_of):
    monkeypatch.setattr(engine, "CHECKPOINT", prepared_of("bert"))
    file = tmp_path / "bench.json"
    assert engine.main(["--models", "default", "--seconds=0.001", f"--json={file}"]) == 0
    measurements = json.loads(file.read_text())["measurements"]
    workloads = ["1 row of 32", "64 rows of 128", "8 lyrics", "64 lyrics"]
    assert [each["workload"] for each in measurements] == workloads
    assert all(each["flops_per_s"] > 0 for each in measurements)
    table = capsys.readouterr().out.split("\n\n")[1]
    assert all(f"default  {name} " in table for name in workloads)


def test_by_length_ends_with_a_verdict(monkeypatch, capsys, prepared_of):
    monkeypatch.setattr(engine, "CHECKPOINT", prepared_of("bert"))
    assert engine.main(["--by-length", "--models", "default", "--seconds=0.001"]) == 0
    _, table, verdict = capsys.readouterr().out.split("\n\n")
    assert [line.split()[1] for line in table.splitlines()[1:]] == ["8", "16", "32", "64", "128"]
    assert verdict.splitlines()[-1].startswith(("met", "MISSED"))


@pytest.mark.parametrize(("wanted", "expected"), [(0, 3), (2, 2), (64, 3)])
def test_threads_are_set_for_every_model(wanted, expected, monkeypatch, capsys):
    monkeypatch.setattr(processor, "count_cores", lambda: 3)
    monkeypatch.setattr(engine.Bench, "measure", lambda bench, names: [])
    assert engine.main(["--models", "bert-base", f"--threads={wanted}"]) == 0
    assert torch.get_num_threads() == expected
    assert f", {expected} threads\n" in capsys.readouterr().out


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_measures_on_a_gpu(monkeypatch, tmp_path, prepared_of):
    monkeypatch.setattr(engine, "CHECKPOINT", prepared_of("bert"))
    file = tmp_path / "bench.json"
    assert engine.main(["--device=cuda", "--seconds=0.01", f"--json={file}"]) == 0
    assert len(json.loads(file.read_text())["measurements"]) == 12
