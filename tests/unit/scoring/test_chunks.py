"""Batches of any size become chunks of one size, and batches again."""

import numpy as np
import pytest
from emotion_scoring.chunks import MAX_CHUNK_CHARS, cut, join_batches
from fake_scorer import score

SIZES = {
    "none": [],
    "empty": [0],
    "one": [1],
    "small ones together": [3, 2, 2, 1, 4],
    "just full": [10, 10],
    "large ones cut": [25, 1, 0, 34, 0],
}


def make_batches(sizes):
    texts = ["la" * (i % 7) + str(i) for i in range(sum(sizes))]
    ends = np.cumsum(sizes, dtype=int)
    return [texts[end - size : end] for end, size in zip(ends, sizes, strict=True)]


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_cut_and_join_batches_gives_each_batch_its_scores(sizes):
    batches, num_done = make_batches(sizes), []
    chunks = list(cut(iter(batches), size=10))
    assert [len(chunk.texts) for chunk in chunks[:-1]] == [10] * (len(chunks) - 1)
    results = ((chunk, score(chunk.texts)) for chunk in chunks)
    joined = list(join_batches(results, advance=num_done.append))
    assert [len(scores) for scores in joined] == sizes
    for batch, scores in zip(batches, joined, strict=True):
        np.testing.assert_array_equal(scores.probabilities, score(batch).probabilities)
    assert sum(num_done) == sum(sizes)


def test_cut_long_texts_share_a_chunk_with_few_others():
    long = "x" * (MAX_CHUNK_CHARS // 3)
    chunks = list(cut([[long] * 7, ["x" * MAX_CHUNK_CHARS, None, "la"]], size=512))
    assert [len(chunk.texts) for chunk in chunks] == [3, 3, 1, 2, 1]
    assert all(sum(len(text or "") for text in chunk.texts) <= MAX_CHUNK_CHARS for chunk in chunks)
