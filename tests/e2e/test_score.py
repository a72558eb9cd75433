"""`scripts/score.py` in its own process and through the real Triton: the same answers."""

import itertools
import subprocess
import sys

import pyarrow
import pytest
from emotion_client import EmotionClient
from emotion_command.checkout import DATA, ROOT
from emotion_training.data import read_examples
from pyarrow import parquet

SCRIPT = ROOT / "scripts" / "score.py"
NUM_TEXTS = 200
# Two top labels this close may swap, and a probability may differ so much, in bfloat16 and torch.
CLOSE, TOLERANCE = 0.04, 2e-2
TEXTS = [each.text for each in read_examples(DATA / "verses.jsonl")][:NUM_TEXTS]
NUMBERS = itertools.count()
NOT_TEXTS = {NUM_TEXTS: None, NUM_TEXTS + 1: "x" * (1 << 20) + "x"}


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """A Parquet file; some of its rows are long, empty, or no texts."""
    path = tmp_path_factory.mktemp("songs") / "songs.parquet"
    texts = [*TEXTS, *NOT_TEXTS.values(), "", "la " * 4000]
    parquet.write_table(pyarrow.table({"id": range(len(texts)), "text": texts}), path)
    return path


def score(songs, *options):
    output = songs.parent / f"scored-{next(NUMBERS)}"
    command = [sys.executable, str(SCRIPT), str(songs), f"--output={output}", "--part-rows=64"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return parquet.read_table(output / songs.name).to_pylist()


def test_score_in_process_through_a_server_and_the_client_give_the_same(
    songs, server, default_repository
):
    checkpoint = default_repository / "emotion" / "1" / "checkpoint"
    local = score(songs, f"--checkpoint={checkpoint}")
    served = score(songs, f"--url={server.address.url},{server.address.url}")
    assert [row["id"] for row in local] == [row["id"] for row in served] == list(range(len(local)))
    assert len(local) == NUM_TEXTS + len(NOT_TEXTS) + 2
    for one, other in zip(local, served, strict=True):
        for name in ("error", "truncated", "revision"):
            assert one[name] == other[name], name
        if one["error"] is None:
            scores, others = read_scores(one), read_scores(other)
            assert scores == pytest.approx(others, abs=TOLERANCE)
            top, second = sorted(scores.values())[-1:-3:-1]
            assert one["label"] == other["label"] or top - second < CLOSE
    assert {row["id"] for row in local if row["error"]} == {*NOT_TEXTS}
    assert local[-1]["truncated"]
    with EmotionClient(server.address.url) as client:
        for row, prediction in zip(served, client.predict_many(TEXTS), strict=False):
            assert row["label"] == prediction.label
            assert row["confidence"] == pytest.approx(prediction.confidence, abs=TOLERANCE)


def read_scores(row):
    return {name: value for name, value in row.items() if name.startswith("score_")}
