"""Rows laid end to end, and the sizes that a stream is rounded up to."""

import numpy as np
import pytest
from emotion_engine.packing import pack, token_sizes
from hypothesis import given, settings
from hypothesis import strategies as st

BUDGETS = [1, 16, 100, 128, 1000, 2048, 8192]


@settings(deadline=None)
@given(st.lists(st.integers(1, 100), min_size=1, max_size=64), st.sampled_from([100, 300, 512]))
def test_pack_keeps_rows_budget_and_layout(row_lens, budget):
    generator = np.random.default_rng(0)
    rows = [generator.integers(1, 1000, size=row_len) for row_len in row_lens]
    unpacked = {}
    for batch in pack(rows, max_batch_tokens=budget):
        assert batch.num_tokens <= batch.num_computed_tokens <= budget
        assert batch.num_computed_tokens in token_sizes(budget)
        assert batch.cu_seqlens[0] == 0
        assert batch.num_rows == len(batch.row_lens) == len(batch.rows)
        assert (np.diff(batch.row_lens) >= 0).all()
        assert not batch.input_ids[batch.num_tokens :].any()
        arrays = (batch.rows, batch.input_ids, batch.cu_seqlens)
        assert {x.dtype for x in arrays} == {np.dtype(np.int64)}
        for i, row in enumerate(batch.rows.tolist()):
            assert row not in unpacked
            unpacked[row] = batch.input_ids[batch.cu_seqlens[i] : batch.cu_seqlens[i + 1]].tolist()
    assert unpacked == {i: row.tolist() for i, row in enumerate(rows)}


def test_pack_rows_that_fit_share_one_batch():
    rows = [np.full(16, i) for i in range(4)]
    (batch,) = pack(rows, max_batch_tokens=64)
    assert batch.num_tokens == batch.num_computed_tokens == 64


def test_pack_one_token_over_budget_takes_two_batches():
    rows = [np.ones(33, dtype=np.int64), np.ones(32, dtype=np.int64)]
    assert [batch.rows.tolist() for batch in pack(rows, max_batch_tokens=64)] == [[1], [0]]


def test_pack_equal_lengths_keep_their_order():
    (batch,) = pack([np.full(3, i) for i in range(5)], max_batch_tokens=64)
    assert batch.rows.tolist() == list(range(5))


def test_positions_start_at_zero_in_each_row_and_are_zero_for_filler():
    (batch,) = pack([np.full(3, 7), np.full(2, 8)], max_batch_tokens=64)
    assert batch.positions().tolist() == [0, 1, 0, 1, 2] + [0] * 11


@pytest.mark.parametrize("budget", BUDGETS)
def test_token_sizes_ascend_to_the_budget_in_steps_of_at_most_an_eighth(budget):
    sizes = np.array(token_sizes(budget))
    assert sizes[-1] == budget
    assert sizes.tolist() == sorted(set(sizes.tolist()))
    num_tokens = np.arange(1, budget + 1)
    added = sizes[np.searchsorted(sizes, num_tokens)] - num_tokens
    assert (added[num_tokens <= 128] < 16).all()
    assert (added[num_tokens > 128] <= 0.125 * num_tokens[num_tokens > 128]).all()
