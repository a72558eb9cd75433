"""Samples on their way from a worker's calls to the columns that figures are made of."""

import json

import numpy as np
from emotion_loadtest.samples import Calls, Sample, Samples

NAMES = ("due_s", "late_s", "latency_s", "num_texts", "failures")
SAMPLES = [
    Sample(due_s=100.0, late_s=0.5, latency_s=2.0, num_texts=1),
    Sample(due_s=101.0, late_s=0.0, latency_s=0.25, num_texts=32, failure="Overloaded"),
    Sample(due_s=99.0, late_s=0.25, latency_s=4.0, num_texts=7),
]


def test_calls_have_a_column_of_each_attribute():
    calls = Calls.of(SAMPLES)
    assert [getattr(calls, name).tolist() for name in NAMES] == [
        [100, 101, 99],
        [0.5, 0, 0.25],
        [2, 0.25, 4],
        [1, 32, 7],
        ["", "Overloaded", ""],
    ]
    assert calls.end_s.tolist() == [102, 101.25, 103]
    assert calls.is_answered.tolist() == [True, False, True]


def test_calls_none_have_empty_columns_of_the_same_types():
    none, some = Calls.of([]), Calls.of(SAMPLES)
    for name in ("due_s", "late_s", "latency_s", "num_texts", "end_s", "is_answered"):
        assert getattr(none, name).shape == (0,)
        assert getattr(none, name).dtype == getattr(some, name).dtype
    assert none.failures.shape == (0,)


def test_choose_keeps_what_belongs_to_a_call_together():
    chosen = Calls.of(SAMPLES).choose(np.array([False, True, True]))
    expected = Calls.of(SAMPLES[1:])
    for name in NAMES:
        assert getattr(chosen, name).tolist() == getattr(expected, name).tolist()


def test_samples_of_a_worker_reach_the_master_whole_and_once():
    worker, master = Samples(), Samples()
    master.add(SAMPLES[0])
    for sample in SAMPLES[1:]:
        worker.add(sample)
    master.receive(json.loads(json.dumps(worker.take())))
    master.receive(json.loads(json.dumps(worker.take())))
    assert master.read().due_s.tolist() == [100, 101, 99]
    assert master.take() == [
        (100.0, 0.5, 2.0, 1, ""),
        (101.0, 0.0, 0.25, 32, "Overloaded"),
        (99.0, 0.25, 4.0, 7, ""),
    ]


def test_clear_forgets_all():
    samples = Samples()
    samples.add(SAMPLES[0])
    samples.clear()
    assert samples.take() == []
