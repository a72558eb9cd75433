"""Rows laid end to end, and the sizes that a stream is rounded up to."""

from __future__ import annotations

import numpy as np
import pytest
from emotion_engine.packing import PackedBatch, pack, token_sizes
from numpy.typing import NDArray

BUDGETS = [1, 16, 100, 128, 1000, 2048, 8192]


def draw_rows(seed: int, *, max_len: int) -> list[NDArray[np.int64]]:
    generator = np.random.default_rng(seed)
    row_lens = generator.integers(1, max_len + 1, size=generator.integers(1, 65))
    return [generator.integers(1, 1000, size=row_len) for row_len in row_lens]


def unpack(batches: list[PackedBatch]) -> dict[int, list[int]]:
    rows: dict[int, list[int]] = {}
    for batch in batches:
        for i, row in enumerate(batch.rows.tolist()):
            assert row not in rows
            rows[row] = batch.input_ids[batch.cu_seqlens[i] : batch.cu_seqlens[i + 1]].tolist()
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_pack_random_rows_come_back_once_each(seed: int) -> None:
    rows = draw_rows(seed, max_len=128)
    batches = list(pack(rows, max_batch_tokens=512))
    assert unpack(batches) == {i: row.tolist() for i, row in enumerate(rows)}


@pytest.mark.parametrize("seed", range(20))
def test_pack_random_rows_keep_to_budget_and_layout(seed: int) -> None:
    for batch in pack(draw_rows(seed, max_len=100), max_batch_tokens=300):
        assert batch.num_tokens <= batch.num_computed_tokens <= 300
        assert batch.num_computed_tokens in token_sizes(300)
        assert batch.cu_seqlens[0] == 0
        assert batch.num_rows == len(batch.row_lens) == len(batch.rows)
        assert (np.diff(batch.row_lens) >= 0).all()
        assert not batch.input_ids[batch.num_tokens :].any()
        assert {x.dtype for x in (batch.rows, batch.input_ids, batch.cu_seqlens)} == {
            np.dtype(np.int64)
        }


def test_pack_no_rows_gives_no_batch() -> None:
    assert list(pack([], max_batch_tokens=64)) == []


def test_pack_rows_that_fit_share_one_batch() -> None:
    rows = [np.full(16, i) for i in range(4)]
    (batch,) = pack(rows, max_batch_tokens=64)
    assert batch.num_tokens == batch.num_computed_tokens == 64


def test_pack_one_token_over_budget_takes_two_batches() -> None:
    rows = [np.ones(33, dtype=np.int64), np.ones(32, dtype=np.int64)]
    assert [batch.rows.tolist() for batch in pack(rows, max_batch_tokens=64)] == [[1], [0]]


def test_pack_row_as_long_as_the_budget_is_laid_out() -> None:
    (batch,) = pack([np.arange(50)], max_batch_tokens=50)
    assert batch.num_computed_tokens == 50


def test_pack_equal_lengths_keep_their_order() -> None:
    (batch,) = pack([np.full(3, i) for i in range(5)], max_batch_tokens=64)
    assert batch.rows.tolist() == list(range(5))


def test_positions_count_from_zero_in_each_row_and_are_zero_at_the_filler() -> None:
    (batch,) = pack([np.full(3, 7), np.full(2, 8)], max_batch_tokens=64)
    assert batch.positions().tolist() == [0, 1, 0, 1, 2] + [0] * 11


@pytest.mark.parametrize("budget", BUDGETS)
def test_token_sizes_ascend_to_the_budget(budget: int) -> None:
    sizes = token_sizes(budget)
    assert sizes[-1] == budget
    assert list(sizes) == sorted(set(sizes))


@pytest.mark.parametrize("budget", BUDGETS)
def test_token_sizes_rounding_is_at_most_an_eighth(budget: int) -> None:
    sizes = np.array(token_sizes(budget))
    num_tokens = np.arange(1, budget + 1)
    rounded = sizes[np.searchsorted(sizes, num_tokens)]
    added = rounded - num_tokens
    assert (added[num_tokens <= 128] < 16).all()
    assert (added[num_tokens > 128] <= 0.125 * num_tokens[num_tokens > 128]).all()
