"""The texts that this project ships in `data/`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from examples import count_conflicts, read_examples
from training.splits import drop_shared

DATA = Path(__file__).resolve().parents[2] / "data"
LABELS = {"anger", "fear", "joy", "love", "sadness", "surprise"}


@pytest.mark.parametrize("name", ["verses", "messages", "held_out"])
def test_texts_have_the_six_labels_in_equal_measure(name: str) -> None:
    counts = Counter(example.label for example in read_examples(DATA / f"{name}.jsonl"))
    assert set(counts) == LABELS
    assert max(counts.values()) - min(counts.values()) <= 1


def test_held_out_texts_are_not_among_those_for_training() -> None:
    training = [x for name in ("verses", "messages") for x in read_examples(DATA / f"{name}.jsonl")]
    assert count_conflicts(training) == 0
    assert drop_shared(training, others=read_examples(DATA / "held_out.jsonl"))[1] == 0
