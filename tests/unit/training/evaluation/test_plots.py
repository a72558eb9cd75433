"""Plots are whole PNG files, the same ones for the same scores."""

import struct
import subprocess
import sys

import numpy as np
import pytest
from emotion_training.evaluation.plots import draw_confusion, draw_curves, draw_reliability
from emotion_training.evaluation.scores import score

HISTORY = [
    {"loss": 1.5, "epoch": 1.0, "learning_rate": 1e-3},
    {"eval_loss": 1.4, "eval_macro_f1": 0.5, "epoch": 1.0, "eval_runtime": 2.0},
    {"loss": 0.9, "epoch": 2.0},
    {"eval_loss": 1.2, "eval_macro_f1": 0.7, "epoch": 2.0},
    {"train_runtime": 9.0, "train_loss": 1.2, "epoch": 2.0},
]


def make_scores(num_labels, *, labels=None, num_texts=90):
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.full(num_labels, 0.4), num_texts)
    truth = rng.integers(num_labels, size=num_texts)
    return score(probabilities, truth=truth, labels=labels or [f"l{i}" for i in range(num_labels)])


def read_chunks(path):
    """Returns the chunks of a PNG file, the last of each kind."""
    content, chunks, at = path.read_bytes(), {}, 8
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        chunks[content[at + 4 : at + 8]] = content[at + 8 : at + 8 + size]
        at += size + 12
    assert b"IEND" in chunks
    return chunks


def read_size(path):
    return struct.unpack(">II", read_chunks(path)[b"IHDR"][:8])


DRAWINGS = {
    "confusion": lambda path: draw_confusion(make_scores(6), path=path),
    "reliability": lambda path: draw_reliability(make_scores(6), path=path),
    "curves": lambda path: draw_curves([HISTORY, HISTORY[:3]], path=path),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_twice_gives_the_same_bytes_without_date_and_software(name, tmp_path):
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    DRAWINGS[name](first)
    DRAWINGS[name](second)
    assert first.read_bytes() == second.read_bytes()
    assert set(read_chunks(first)) == {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


@pytest.mark.parametrize("num_labels", [2, 12, 13, 41, 400])
def test_draw_confusion_grows_with_the_labels_up_to_40(num_labels, tmp_path):
    draw_confusion(make_scores(num_labels), path=tmp_path / "it.png")
    width, height = read_size(tmp_path / "it.png")
    assert min(width, height) > min(num_labels, 40) * 60  # pixels of a cell: room for "100\n50%"
    assert max(width, height) < 3300
    assert (tmp_path / "it.png").stat().st_size < 3_000_000


def test_draw_confusion_takes_any_label(tmp_path):
    labels = ["$x^2$", "a $ in it", "100%", "l" * 300, "радость", "喜び", "_", "{}"]
    draw_confusion(make_scores(len(labels), labels=labels), path=tmp_path / "it.png")
    width, _ = read_size(tmp_path / "it.png")
    assert width < 1200


@pytest.mark.parametrize("index", [0, 1], ids=["right", "wrong"])
def test_draw_reliability_takes_a_single_text(index, tmp_path):
    scores = score(np.array([[1.0, 0.0]]), truth=np.array([index]), labels=["a", "b"])
    draw_reliability(scores, path=tmp_path / "it.png")
    draw_confusion(scores, path=tmp_path / "it.png")


@pytest.mark.parametrize(
    "history",
    [[], HISTORY[:1], HISTORY[1:2], HISTORY[4:], HISTORY * 40],
    ids=["empty", "training-alone", "validation-alone", "summary-alone", "long"],
)
def test_draw_curves_takes_any_history(history, tmp_path):
    draw_curves([history], path=tmp_path / "it.png")
    assert read_size(tmp_path / "it.png") == (1350, 540)


def test_importing_plots_imports_no_matplotlib_and_drawing_no_pyplot(tmp_path):
    code = f"""
import sys
from emotion_training.evaluation import plots
assert "matplotlib" not in sys.modules
plots.draw_curves([], path={str(tmp_path / "it.png")!r})
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
