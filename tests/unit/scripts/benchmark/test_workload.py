"""The rows that the engine is timed on."""

from __future__ import annotations

import numpy as np
from benchmark.workload import build_workloads


def test_lyrics_have_the_lengths_of_lyrics() -> None:
    lyrics = build_workloads(max_length=128)[-1].row_lens
    p10, p50, p90 = np.percentile(lyrics, [10, 50, 90])
    assert len(lyrics) == 64
    assert abs(p10 - 38) <= 4
    assert abs(p50 - 104) <= 4
    assert p90 == 128
    assert abs(np.mean(lyrics) - 92) <= 2


def test_workloads_stay_within_a_shorter_limit() -> None:
    for workload in build_workloads(max_length=16):
        assert max(workload.row_lens) == 16, workload.name


def test_make_rows_are_the_same_each_time_and_within_the_vocabulary() -> None:
    (lone, *_) = build_workloads(max_length=128)
    (row,) = lone.make_rows(vocab_size=50)
    (again,) = lone.make_rows(vocab_size=50)
    assert row.tolist() == again.tolist()
    assert len(row) == 32
    assert 1 <= row.min() <= row.max() < 50
