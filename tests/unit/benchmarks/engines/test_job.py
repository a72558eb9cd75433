"""The rows of the engines, and the random model."""

import numpy as np
from emotion_benchmarks.engine.workload import Workload
from emotion_benchmarks.engines.job import choose_workloads, compute, fill_rows, tokenize_verses

from checkpoints import TEXTS, reference_probabilities

VERSES = [[101, *range(10 * i, 10 * i + 8), 102] for i in range(1, 9)]


def test_rows_have_the_lengths_of_the_workload_and_real_tokens():
    rows = fill_rows(Workload("x", (3, 12, 12, 12, 12, 12, 2)), verses=VERSES)
    assert [len(row) for row in rows] == [3, 12, 12, 12, 12, 12, 2]
    assert {(row[0], row[-1]) for row in rows} == {(101, 102)}
    assert rows[1] != rows[2]
    assert {token for row in rows for token in row} <= {token for row in VERSES for token in row}


def test_workloads_are_lone_rows_and_lyrics():
    found = {each.name: len(each.row_lens) for each in choose_workloads(max_length=128)}
    assert found == {"1 row of 32": 1, "1 row of 128": 1, "8 lyrics": 8, "64 lyrics": 64}


def test_compute_is_plain_transformers(prepared_of):
    from transformers import AutoTokenizer

    checkpoint = prepared_of("bert")
    rows = AutoTokenizer.from_pretrained(checkpoint)(list(TEXTS), truncation=True)["input_ids"]
    found = compute(checkpoint, {"all": rows})["all"]
    np.testing.assert_allclose(found, reference_probabilities(checkpoint, TEXTS), atol=1e-5)


def test_verses_are_truncated(prepared_of):
    assert max(map(len, tokenize_verses(prepared_of("bert"), max_length=16))) == 16
