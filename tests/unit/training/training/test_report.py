"""What is printed about the data of a training; training.json is in test_train.py."""

import pytest
from emotion_training.data import Example
from emotion_training.training.report import describe_data
from emotion_training.training.splits import Splits

JOY, FEAR = Example("a", "joy"), Example("b", "fear")


def make_splits(*, of_test=0, num_conflicts=0):
    return Splits(
        train=[JOY, FEAR, JOY],
        validation=[FEAR],
        test=[],
        labels=("fear", "joy"),
        num_dropped={("training", "test"): of_test, ("training", "validation"): 0},
        first_dropped={("training", "test"): "a.csv: line 2", ("training", "validation"): ""},
        num_conflicts=num_conflicts,
    )


def test_describe_data_clean_data_is_one_line():
    expected = ["texts: 3 train, 1 validation, 0 test; labels: fear, joy"]
    assert list(describe_data(make_splits(), num_joined=0)) == expected


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        pytest.param(
            1,
            [
                "dropped 1 training text also in test (a.csv: line 2)",
                "1 text has more than one label",
                "added 1 joined verse",
            ],
            id="one",
        ),
        pytest.param(
            7,
            [
                "dropped 7 training texts also in test (first: a.csv: line 2)",
                "7 texts have more than one label",
                "added 7 joined verses",
            ],
            id="seven",
        ),
    ],
)
def test_describe_data_peculiarities_have_a_line_each(number, lines):
    splits = make_splits(of_test=number, num_conflicts=number)
    assert list(describe_data(splits, num_joined=number))[1:] == lines
