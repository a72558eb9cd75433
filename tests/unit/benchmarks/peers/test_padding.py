"""Rows in padded batches."""

import numpy as np
from peers.padding import cut, pad

ROWS = [[1], [2, 2, 2], [3, 3], [4, 4, 4, 4], [5]]


def test_cut_puts_rows_of_like_length_together_and_the_longest_first():
    batches = cut(ROWS, batch_size=2)
    assert [each.places for each in batches] == [[3, 1], [2, 0], [4]]
    assert [each.input_ids.shape for each in batches] == [(2, 4), (2, 2), (1, 1)]


def test_cut_loses_no_token_and_masks_all_padding():
    for batch_size in (1, 2, 3, 64):
        batches = cut(ROWS, batch_size=batch_size)
        found = {
            place: ids[mask == 1].tolist()
            for each in batches
            for place, ids, mask in zip(
                each.places, each.input_ids, each.attention_mask, strict=True
            )
        }
        assert [found[i] for i in range(len(ROWS))] == ROWS


def test_pad_fills_with_zeros_at_the_end():
    padded = pad(ROWS, places=[2, 1])
    assert padded.input_ids.tolist() == [[3, 3, 0], [2, 2, 2]]
    assert padded.attention_mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert padded.input_ids.dtype == padded.attention_mask.dtype == np.int64
