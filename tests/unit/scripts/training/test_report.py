"""What `scripts/training/report.py` says of a training; training.json itself is in test_train."""

from __future__ import annotations

import pytest
from examples import Example
from training.report import count, describe_data
from training.splits import Splits

JOY, FEAR = Example("a", "joy"), Example("b", "fear")


def make_splits(*, of_test: int = 0, num_conflicts: int = 0) -> Splits:
    return Splits(
        train=[JOY, FEAR, JOY],
        validation=[FEAR],
        test=[],
        labels=("fear", "joy"),
        num_dropped={("training", "test"): of_test, ("training", "validation"): 0},
        first_dropped={("training", "test"): "a.csv: line 2", ("training", "validation"): ""},
        num_conflicts=num_conflicts,
    )


def test_describe_data_clean_data_are_one_line() -> None:
    expected = ["texts: 3 train, 1 validation, 0 test; labels: fear, joy"]
    assert list(describe_data(make_splits(), num_joined=0)) == expected


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        pytest.param(
            1,
            [
                "dropped 1 training text that the test has too (a.csv: line 2)",
                "1 text has more than one label",
                "added 1 joined verse",
            ],
            id="one",
        ),
        pytest.param(
            7,
            [
                "dropped 7 training texts that the test has too (first: a.csv: line 2)",
                "7 texts have more than one label",
                "added 7 joined verses",
            ],
            id="seven",
        ),
    ],
)
def test_describe_data_all_that_is_to_be_known_is_said(number: int, lines: list[str]) -> None:
    splits = make_splits(of_test=number, num_conflicts=number)
    assert list(describe_data(splits, num_joined=number))[1:] == lines


@pytest.mark.parametrize(("number", "text"), [(0, "0 texts"), (1, "1 text"), (2, "2 texts")])
def test_count_says_one_or_many(number: int, text: str) -> None:
    assert count(number, "text") == text
