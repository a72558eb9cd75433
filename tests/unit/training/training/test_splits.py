"""Training, validation and test data without shared texts."""

from collections import Counter

import pytest
from emotion_training.data import Example
from emotion_training.errors import DataError
from emotion_training.training.splits import (
    drop_shared,
    hold_out,
    split_examples,
)

LABELS = ("fear", "joy", "love")


def make(num_texts, *, label, start=0):
    numbers = range(start, start + num_texts)
    return [Example(f"{label} {i}", label, where=f"{label}.csv: line {i + 1}") for i in numbers]


def split(train, **options):
    return split_examples(
        train, **{"validation": [], "test": [], "share": 0.1, "seed": 0, **options}
    )


def count_labels(examples):
    return Counter(example.label for example in examples)


def test_hold_out_takes_the_share_of_every_label():
    examples = make(100, label="joy") + make(30, label="fear") + make(2, label="love")
    rest, held = hold_out(examples, share=0.1, seed=0)
    assert count_labels(held) == {"joy": 10, "fear": 3, "love": 1}
    assert count_labels(rest) == {"joy": 90, "fear": 27, "love": 1}
    assert sorted(rest + held, key=examples.index) == examples


def test_hold_out_same_seed_gives_the_same_and_another_seed_another():
    examples = make(100, label="joy") + make(100, label="fear")
    first = hold_out(examples, share=0.1, seed=0)
    assert hold_out(examples, share=0.1, seed=0) == first
    assert hold_out(examples, share=0.1, seed=1) != first


def test_hold_out_equal_texts_stay_together():
    twice = [Example(f"La {i}", "joy") for i in range(20)]
    twice += [Example(f" la\n{i} ".strip(), "joy") for i in range(20)]
    twice += [Example(f"LA  {i}", "fear") for i in range(20)]
    rest, held = hold_out([*twice, *make(20, label="fear")], share=0.5, seed=0)
    assert drop_shared(rest, others=held) == (rest, [])
    assert count_labels(held) == {"joy": 20, "fear": 20}


@pytest.mark.parametrize("share", [0.001, 0.9, 0.999])
def test_hold_out_leaves_a_text_of_every_label_on_each_side(share):
    examples = [*make(2, label="joy"), *make(3, label="fear"), *make(9, label="love")]
    for side in hold_out(examples, share=share, seed=3):
        assert set(count_labels(side)) == set(LABELS)


@pytest.mark.parametrize(("where", "place"), [("fear.csv: line 9", "fear.csv: line 9: "), ("", "")])
def test_hold_out_label_of_one_text_is_refused_with_its_place_if_it_has_one(where, place):
    lines = [Example("a", "fear", where=where), Example("A ", "fear", where="fear.csv: line 10")]
    with pytest.raises(DataError) as caught:
        hold_out([*make(5, label="joy"), *lines], share=0.1, seed=0)
    sentence = f"{place}the label 'fear' has 1 distinct training text; 2 are needed"
    assert str(caught.value).startswith(sentence)


def test_drop_shared_drops_texts_that_differ_only_in_case_and_space():
    train = [Example("Oh  No\nno", "joy"), Example("oh no", "joy"), Example("STRASSE", "joy")]
    assert drop_shared(train, others=[Example("oh no NO", "fear")]) == (train[1:], train[:1])
    assert drop_shared(train, others=[Example("straße", "joy")]) == (train[:2], train[2:])


def test_split_examples_given_splits_lose_shared_texts_from_the_training_side():
    train = make(10, label="joy") + make(10, label="fear")
    validation = make(3, label="joy", start=8) + make(2, label="fear", start=20)
    test = make(2, label="joy", start=9) + make(1, label="fear")
    splits = split(train, validation=validation, test=test)
    assert splits.test == test
    assert splits.validation == [validation[0], *validation[3:]]
    assert splits.train == [*train[:8], *train[11:]]
    assert splits.dropped == {
        ("training", "test"): train[9:11],
        ("validation", "test"): validation[1:3],
        ("training", "validation"): train[8:9],
    }


def test_split_examples_no_validation_holds_a_share_out():
    train = make(20, label="joy") + make(20, label="fear")
    splits = split(train, test=make(10, label="joy", start=15))
    assert splits.labels == ("fear", "joy")
    assert splits.num_rows() == {
        "train": {"fear": 18, "joy": 13},
        "validation": {"fear": 2, "joy": 2},
        "test": {"fear": 0, "joy": 10},
    }
    assert len(splits.dropped[("training", "test")]) == 5


def test_split_examples_conflicts_are_counted_over_all_splits():
    train = make(5, label="joy") + make(5, label="fear")
    splits = split(train, validation=[Example("joy 0", "fear")], test=[Example("joy 1", "fear")])
    assert splits.num_conflicts == 2


JOY, FEAR = make(5, label="joy"), make(2, label="fear")
BOTH = [*JOY, *FEAR]
HOPE = [Example("a", "hope", where="test.csv: line 4")]
UNKNOWN = r"^test\.csv: line 4: has the label 'hope'; the known labels are fear, joy$"
ALL_FEAR = r"^fear\.csv: line 1: all 2 training texts with the label 'fear' are also in"
ALL_TRAINING = r"^joy\.csv: line 1: all 7 training texts are also in --test; give other texts$"
ALL_VALIDATION = r"^joy\.csv: line 1: all 3 validation texts are also in --test; give other texts$"


@pytest.mark.parametrize(
    ("train", "validation", "test", "sentence"),
    [
        pytest.param(JOY, [], [], "training has only the label 'joy'; at least 2", id="one-label"),
        pytest.param(BOTH, [], HOPE, UNKNOWN, id="unknown-label-in-test"),
        pytest.param(BOTH, HOPE, [], UNKNOWN, id="unknown-label-in-validation"),
        pytest.param(BOTH, JOY[:3], JOY, ALL_VALIDATION, id="nothing-left-to-validate"),
        pytest.param(BOTH, [], BOTH, ALL_TRAINING, id="nothing-left-to-learn"),
        pytest.param(BOTH, [], FEAR, f"{ALL_FEAR} --test; give other", id="in-test"),
        pytest.param(BOTH, FEAR, [], f"{ALL_FEAR} --validation; give", id="in-validation"),
        pytest.param(BOTH, FEAR[:1], FEAR[1:], f"{ALL_FEAR} --test or --val", id="in-both"),
    ],
)
def test_split_examples_bad_data_is_refused(train, validation, test, sentence):
    with pytest.raises(DataError, match=sentence):
        split(train, validation=validation, test=test)
