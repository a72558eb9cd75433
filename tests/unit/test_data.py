"""The texts in `data/`."""

from collections import Counter

import pytest
from emotion_command.checkout import DATA
from emotion_training.data import count_conflicts, read_examples
from emotion_training.training.splits import drop_shared

from checkpoints import LABELS

TRAINING = ("verses", "messages", "poems")


@pytest.mark.parametrize("name", ["verses", "messages", "held_out"])
def test_texts_have_the_six_labels_equally_often(name):
    counts = Counter(example.label for example in read_examples(DATA / f"{name}.jsonl"))
    assert set(counts) == set(LABELS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_poems_have_the_six_labels():
    poems = read_examples(DATA / "poems.jsonl")
    labelled = read_examples(DATA / "poem_labels.tsv", text_column="poem")
    assert {x.label for x in poems} == {x.label for x in labelled} == set(LABELS)
    assert len({x.text for x in labelled}) == len(labelled) == 276


def test_held_out_texts_are_not_among_those_for_training():
    training = [x for name in TRAINING for x in read_examples(DATA / f"{name}.jsonl")]
    assert count_conflicts(training) == 0
    assert drop_shared(training, others=read_examples(DATA / "held_out.jsonl"))[1] == []
