"""The rows that the engine is timed on."""

import numpy as np
import pytest
from emotion_benchmarks.engine.workload import build_lengths, build_workloads


def test_lyrics_have_the_lengths_of_lyrics():
    lyrics = build_workloads(max_length=128)[-1].row_lens
    p10, p50, p90 = np.percentile(lyrics, [10, 50, 90])
    assert len(lyrics) == 64
    assert abs(p10 - 38) <= 4
    assert abs(p50 - 104) <= 4
    assert (min(lyrics), p90) == (6, 128)
    assert abs(np.mean(lyrics) - 92) <= 2


@pytest.mark.parametrize(("max_length", "longest"), [(16, 16), (512, 128)])
def test_workloads_stay_within_the_model_s_and_the_lyrics_limit(max_length, longest):
    single, *others = build_workloads(max_length=max_length)
    assert single.row_lens == (min(max_length, 32),)
    assert [max(workload.row_lens) for workload in others] == [longest] * 3


def test_build_lengths_doubles_up_to_what_the_model_takes():
    lengths = build_lengths(max_length=512)
    assert [each.row_lens[0] for each in lengths] == [8, 16, 32, 64, 128, 256, 512]
    assert all(each.row_lens == (each.row_lens[0],) * 64 for each in lengths)
    assert [each.row_lens[0] for each in build_lengths(max_length=100)] == [8, 16, 32, 64]


def test_make_rows_are_the_same_each_time_and_within_the_vocabulary():
    (lone, *_) = build_workloads(max_length=128)
    (row,) = lone.make_rows(vocab_size=50)
    (again,) = lone.make_rows(vocab_size=50)
    assert row.tolist() == again.tolist()
    assert len(row) == 32
    assert 1 <= row.min() <= row.max() < 50
