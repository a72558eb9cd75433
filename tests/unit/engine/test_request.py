"""Checks of one request, and its rows without padding."""

from pathlib import Path

import numpy as np
import pytest
from emotion_engine.checkpoint import Checkpoint
from emotion_engine.errors import InvalidRequest
from emotion_engine.request import check_revision, read_rows

MAX_LENGTH = 6
VOCAB_SIZE = 100
CHECKPOINT = Checkpoint(
    folder=Path("nowhere"),
    labels=("fear", "joy"),
    max_length=MAX_LENGTH,
    problem_type="single_label_classification",
    vocab_size=VOCAB_SIZE,
    revision="0" * 64,
)
GOOD_IDS = [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]
GOOD_MASK = [[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]


def read(ids, mask):
    arrays = (np.array(x, dtype=np.int64) for x in (ids, mask))
    return [row.tolist() for row in read_rows(*arrays, checkpoint=CHECKPOINT)]


def replace_row(rows, *, row, values):
    return [values if i == row else each for i, each in enumerate(rows)]


def refuse(ids, mask):
    """Returns reason and sentence of the error."""
    with pytest.raises(InvalidRequest) as caught:
        read(ids, mask)
    return caught.value.reason, str(caught.value)


def test_read_rows_good_request_gives_rows_without_padding():
    assert read(GOOD_IDS, GOOD_MASK) == [[1, 2, 3, 4], [5, 6], [9]]


def test_read_rows_no_row_gives_none():
    none = np.zeros((0, 3), dtype=np.int64)
    assert read_rows(none, none, checkpoint=CHECKPOINT) == []


@pytest.mark.parametrize("row", [[1] * MAX_LENGTH, [0, VOCAB_SIZE - 1], [7]])
def test_read_rows_at_the_limits_are_accepted(row):
    assert read([row], [[1] * len(row)]) == [row]


@pytest.mark.parametrize("value", [-1, VOCAB_SIZE, 2**62])
def test_read_rows_any_id_under_a_zero_of_the_mask_is_ignored(value):
    assert read([[7, value], [8, 9]], [[1, 0], [1, 1]]) == [[7], [8, 9]]


@pytest.mark.parametrize(
    ("ids", "reason", "sentence"),
    [
        ([[], []], "empty", "input_ids has 0 tokens a row; minimum is 1"),
        ([[1] * 7], "too_long", "input_ids has 7 tokens a row, padding included; limit is 6"),
    ],
)
def test_read_rows_bad_length_is_refused(ids, reason, sentence):
    mask = [[1] * 3 + [0] * (len(row) - 3) if row else [] for row in ids]
    assert refuse(ids, mask) == (reason, sentence)


@pytest.mark.parametrize(
    ("mask", "shape"), [([[1, 1]] * 3, [3, 2]), (GOOD_MASK[:2], [2, 4])], ids=["columns", "rows"]
)
def test_read_rows_mask_of_another_shape_is_refused(mask, shape):
    sentence = f"attention_mask has the shape {shape}; it must be that of input_ids, [3, 4]"
    assert refuse(GOOD_IDS, mask) == ("shape", sentence)


@pytest.mark.parametrize(
    ("row", "values", "problem"),
    [
        (1, [5, -3, 7, 8], "the id -3 at position 1; limit is 0 to 99"),
        (0, [1, 2, 3, VOCAB_SIZE], "the id 100 at position 3; limit is 0 to 99"),
    ],
)
def test_read_rows_id_out_of_range_is_refused(row, values, problem):
    ids = replace_row(GOOD_IDS, row=row, values=values)
    assert refuse(ids, GOOD_MASK) == ("vocabulary", f"row {row}: input_ids has {problem}")


RIGHT_PADDED = "rows are right-padded: first all the 1s, then all the 0s"


@pytest.mark.parametrize(
    ("row", "values", "reason", "problem"),
    [
        (2, [1, 1, 2, 0], "mask", "the value 2 at position 2; only 0 and 1 are allowed"),
        (1, [1, -1, 0, 0], "mask", "the value -1 at position 1; only 0 and 1 are allowed"),
        (2, [0, 0, 0, 0], "empty", "no 1; minimum is 1 token a row"),
        (1, [0, 0, 1, 1], "mask", f"a 1 after a 0 at position 2; {RIGHT_PADDED}"),
        (0, [1, 1, 0, 1], "mask", f"a 1 after a 0 at position 3; {RIGHT_PADDED}"),
    ],
)
def test_read_rows_bad_mask_is_refused(row, values, reason, problem):
    mask = replace_row(GOOD_MASK, row=row, values=values)
    assert refuse(GOOD_IDS, mask) == (reason, f"row {row}: attention_mask has {problem}")


def test_check_revision_the_served_one_or_none_is_accepted():
    check_revision(None, served="a" * 64)
    check_revision("a" * 64, served="a" * 64)


@pytest.mark.parametrize("asked", ["b" * 64, ""])
def test_check_revision_another_is_refused_with_both_values(asked):
    with pytest.raises(InvalidRequest, match="revision mismatch") as caught:
        check_revision(asked, served="a" * 64)
    assert asked in str(caught.value)
    assert "a" * 64 in str(caught.value)
    assert caught.value.reason == "revision"
