"""Validation of one request, and its rows without padding."""

from __future__ import annotations

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


def read(ids: object, mask: object) -> list[list[int]]:
    arrays = (np.array(x, dtype=np.int64) for x in (ids, mask))
    return [row.tolist() for row in read_rows(*arrays, checkpoint=CHECKPOINT)]


def with_row(rows: list[list[int]], *, row: int, values: list[int]) -> list[list[int]]:
    return [values if i == row else each for i, each in enumerate(rows)]


def test_read_rows_good_request_gives_rows_without_padding() -> None:
    assert read(GOOD_IDS, GOOD_MASK) == [[1, 2, 3, 4], [5, 6], [9]]


def test_read_rows_no_row_gives_none() -> None:
    none = np.zeros((0, 3), dtype=np.int64)
    assert read_rows(none, none, checkpoint=CHECKPOINT) == []


def test_read_rows_longest_row_is_taken() -> None:
    assert read([[1] * MAX_LENGTH], [[1] * MAX_LENGTH]) == [[1] * MAX_LENGTH]


def test_read_rows_first_and_last_id_of_the_vocabulary_are_taken() -> None:
    assert read([[0, VOCAB_SIZE - 1]], [[1, 1]]) == [[0, VOCAB_SIZE - 1]]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(-1, id="negative"),
        pytest.param(VOCAB_SIZE, id="too-large"),
        pytest.param(2**62, id="huge"),
    ],
)
def test_read_rows_any_id_under_a_zero_of_the_mask_is_ignored(value: int) -> None:
    assert read([[7, value], [8, 9]], [[1, 0], [1, 1]]) == [[7], [8, 9]]


@pytest.mark.parametrize(
    ("ids", "mask", "reason", "sentence"),
    [
        pytest.param(
            [[], []],
            [[], []],
            "empty",
            "input_ids has 0 tokens a row; the least is 1",
            id="zero-tokens",
        ),
        pytest.param(
            [[1] * 7],
            [[1] * 3 + [0] * 4],
            "too_long",
            "input_ids has 7 tokens a row, padding included; limit is 6",
            id="too-long-with-padding",
        ),
        pytest.param(
            with_row(GOOD_IDS, row=1, values=[5, -3, 7, 8]),
            GOOD_MASK,
            "vocabulary",
            "row 1: input_ids has the id -3 at position 1; limit is 0 to 99",
            id="negative-id",
        ),
        pytest.param(
            with_row(GOOD_IDS, row=0, values=[1, 2, 3, VOCAB_SIZE]),
            GOOD_MASK,
            "vocabulary",
            "row 0: input_ids has the id 100 at position 3; limit is 0 to 99",
            id="id-is-vocab-size",
        ),
        pytest.param(
            GOOD_IDS,
            [[1, 1], [1, 1], [1, 1]],
            "shape",
            "attention_mask has the shape [3, 2]; it must be that of input_ids, [3, 4]",
            id="mask-of-another-length",
        ),
        pytest.param(
            GOOD_IDS,
            GOOD_MASK[:2],
            "shape",
            "attention_mask has the shape [2, 4]; it must be that of input_ids, [3, 4]",
            id="mask-of-fewer-rows",
        ),
        pytest.param(
            GOOD_IDS,
            with_row(GOOD_MASK, row=2, values=[1, 1, 2, 0]),
            "mask",
            "row 2: attention_mask has the value 2 at position 2; only 0 and 1 are allowed",
            id="mask-with-a-two",
        ),
        pytest.param(
            GOOD_IDS,
            with_row(GOOD_MASK, row=1, values=[1, -1, 0, 0]),
            "mask",
            "row 1: attention_mask has the value -1 at position 1; only 0 and 1 are allowed",
            id="mask-with-a-negative",
        ),
        pytest.param(
            GOOD_IDS,
            with_row(GOOD_MASK, row=2, values=[0, 0, 0, 0]),
            "empty",
            "row 2: attention_mask has no 1; the least is 1 token a row",
            id="mask-with-an-empty-row",
        ),
        pytest.param(
            GOOD_IDS,
            with_row(GOOD_MASK, row=1, values=[0, 0, 1, 1]),
            "mask",
            "row 1: attention_mask has a 1 after a 0 at position 2; "
            "rows are right-padded: first all the 1s, then all the 0s",
            id="mask-starting-with-zero",
        ),
        pytest.param(
            GOOD_IDS,
            with_row(GOOD_MASK, row=0, values=[1, 1, 0, 1]),
            "mask",
            "row 0: attention_mask has a 1 after a 0 at position 3; "
            "rows are right-padded: first all the 1s, then all the 0s",
            id="mask-with-a-hole",
        ),
    ],
)
def test_read_rows_bad_request_is_refused_with_row_value_and_limit(
    ids: list[list[int]], mask: list[list[int]], reason: str, sentence: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(ids, mask)
    assert (str(caught.value), caught.value.reason) == (sentence, reason)


def test_check_revision_the_served_one_or_none_is_taken() -> None:
    check_revision(None, served="a" * 64)
    check_revision("a" * 64, served="a" * 64)


@pytest.mark.parametrize("asked", [pytest.param("b" * 64, id="other"), pytest.param("", id="none")])
def test_check_revision_another_is_refused_with_both_values(asked: str) -> None:
    with pytest.raises(InvalidRequest, match="revision mismatch") as caught:
        check_revision(asked, served="a" * 64)
    assert asked in str(caught.value)
    assert "a" * 64 in str(caught.value)
    assert caught.value.reason == "revision"
