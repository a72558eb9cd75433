"""The files that keep an evaluation."""

import json
from pathlib import Path

import numpy as np
import pytest
from emotion_training.data import DataFile
from emotion_training.evaluation.evaluated_model import ModelFacts
from emotion_training.evaluation.result import (
    FILES,
    Evaluation,
    build_document,
    build_files,
    build_predictions,
    write,
)
from emotion_training.evaluation.scores import score

LABELS = ("anger", "joy", "радость")


@pytest.fixture
def found():
    """Two texts: one right, one wrong; the third label occurs nowhere."""
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 1 / 3, 1 / 15]], dtype=np.float32)
    truth = np.array([0, 1])
    return Evaluation(
        model=ModelFacts("folder", False, LABELS, 128, None),
        data=DataFile("data.csv", "0" * 64, 2),
        truth=truth,
        probabilities=probabilities,
        scores=score(probabilities, truth=truth, labels=LABELS),
        metrics={"eval_loss": 0.5},
    )


def test_build_document_has_everything_and_is_json(found):
    document = json.loads(json.dumps(build_document(found), allow_nan=False))
    assert document["metrics"] == {"eval_loss": 0.5}
    assert document["accuracy"] == 0.5
    assert document["calibration_error"] == pytest.approx((0.3 + 0.6) / 2)
    assert document["labels"] == list(LABELS)
    assert document["confusion"] == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert document["per_label"][0] == {
        "label": "anger",
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "support": 1,
    }
    assert sum(each["count"] for each in document["reliability"]) == 2
    assert document["reliability"][0] == {
        "low": 0.0,
        "high": pytest.approx(1 / 15),
        "count": 0,
        "confidence": None,
        "accuracy": None,
    }
    assert document["data"] == {"file": "data.csv", "sha256": "0" * 64, "rows": 2}
    assert document["model"] == {
        "name": "folder",
        "is_served": False,
        "labels": list(LABELS),
        "max_length": 128,
        "revision": None,
    }
    assert {"python", "numpy", "torch", "transformers"} <= set(document["versions"])


def test_build_predictions_is_a_row_a_text(found):
    first, second = build_predictions(found)
    assert first == {
        "row": 1,
        "true": "anger",
        "predicted": "anger",
        "confidence": 0.7,
        "scores": {"anger": 0.7, "joy": 0.2, "радость": 0.1},
    }
    assert (second["row"], second["true"], second["predicted"]) == (2, "joy", "anger")
    assert second["scores"] == {"anger": 0.6, "joy": 0.333333, "радость": 0.0666667}


def test_write_replaces_its_files_and_leaves_others(found, tmp_path):
    folder = tmp_path / "new" / "folder"
    files = build_files(found)
    assert tuple(files) == FILES
    write(files, folder=folder)
    (folder / "metrics.json").write_text("old")
    (folder / "notes.txt").write_text("mine")
    write(files, folder=folder)
    assert {path.name for path in folder.iterdir()} == {*FILES, "notes.txt"}
    assert json.loads((folder / "metrics.json").read_text())["accuracy"] == 0.5
    lines = (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == list(build_predictions(found))
    assert (folder / "notes.txt").read_text() == "mine"


def test_write_cut_short_leaves_the_older_files(found, tmp_path, monkeypatch):
    write_bytes = Path.write_bytes

    def fail(path, content):
        if path.name == FILES[-1]:
            raise OSError(28, "No space left on device")
        return write_bytes(path, content)

    files = build_files(found)
    (tmp_path / "metrics.json").write_text("old")
    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="No space left"):
        write(files, folder=tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"metrics.json": "old"}
