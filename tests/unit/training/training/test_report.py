"""What is printed about the data of a training; training.json is in test_train.py."""

from emotion_training.data import Example
from emotion_training.training.report import describe_data
from emotion_training.training.splits import Splits

JOY, FEAR = Example("a", "joy", where="a.csv: line 2"), Example("b", "fear")


def describe(number):
    """Describes data that have so many of each peculiarity."""
    splits = Splits(
        train=[JOY, FEAR, JOY],
        validation=[FEAR],
        test=[],
        labels=("fear", "joy"),
        dropped={("training", "test"): [JOY, *[FEAR] * 9][:number], ("training", "validation"): []},
        num_conflicts=number,
    )
    return list(describe_data(splits, num_joined=number))


def test_describe_data_clean_data_is_one_line():
    assert describe(0) == ["texts: 3 train, 1 validation, 0 test; labels: fear, joy"]


def test_describe_data_peculiarities_have_a_line_each():
    assert describe(1)[1:] == [
        "dropped 1 training text also in test (a.csv: line 2)",
        "1 text has more than one label",
        "added 1 joined verse",
    ]
    assert describe(7)[1:] == [
        "dropped 7 training texts also in test (first: a.csv: line 2)",
        "7 texts have more than one label",
        "added 7 joined verses",
    ]
