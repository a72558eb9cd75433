"""When the generator is the limit of what it measures."""

from __future__ import annotations

import pytest
from load_runs import build_samples
from traffic.generator import (
    MAX_CPU_SHARE,
    MAX_LATE_S,
    GeneratorLoad,
    find_lateness,
    find_saturation,
)
from traffic.samples import Calls


@pytest.mark.parametrize("late_s", [0.0, MAX_LATE_S], ids=["in-time", "at-the-limit"])
def test_lateness_within_the_limit_is_none(late_s: float) -> None:
    assert find_lateness(Calls.of(build_samples(late_s=late_s))) is None


def test_lateness_of_no_calls_is_none() -> None:
    assert find_lateness(Calls.of([])) is None


def test_lateness_names_value_limit_and_remedy() -> None:
    sentence = find_lateness(Calls.of(build_samples(late_s=0.123)))
    assert sentence is not None
    assert "half of its calls began 123 ms late or later, and 50 ms are the limit" in sentence
    assert "ask for less, or start more workers" in sentence


@pytest.mark.parametrize(
    ("num_late", "is_late"), [(49, False), (51, True)], ids=["minority", "majority"]
)
def test_lateness_is_that_of_most_calls(num_late: int, is_late: bool) -> None:
    samples = build_samples(per_s=1, num_seconds=100 - num_late)
    samples += build_samples(per_s=1, num_seconds=num_late, late_s=5.0)
    assert (find_lateness(Calls.of(samples)) is not None) is is_late


def test_saturation_at_the_limit_is_none() -> None:
    assert find_saturation(GeneratorLoad(cpu_share=MAX_CPU_SHARE, num_processes=1)) is None


def test_saturation_names_value_and_remedy() -> None:
    sentence = find_saturation(GeneratorLoad(cpu_share=0.97, num_processes=4))
    assert sentence is not None
    assert "its busiest process used 97% of a core" in sentence
    assert "start more workers" in sentence
