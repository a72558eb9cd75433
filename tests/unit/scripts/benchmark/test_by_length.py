"""The cost of a text by its tokens."""

from __future__ import annotations

import pytest
from benchmark.by_length import LengthCost, build_lengths, find_deviations, format_length_verdict


def make_costs(*us_per_token: float) -> list[LengthCost]:
    row_lens = [8 * 2**i for i in range(len(us_per_token))]
    return [
        LengthCost(n, seconds=64e-6 * n * us) for n, us in zip(row_lens, us_per_token, strict=True)
    ]


def test_build_lengths_doubles_up_to_what_the_model_takes() -> None:
    lengths = build_lengths(max_length=512)
    assert [each.row_lens[0] for each in lengths] == [8, 16, 32, 64, 128, 256, 512]
    assert all(each.row_lens == (each.row_lens[0],) * 64 for each in lengths)
    assert [each.row_lens[0] for each in build_lengths(max_length=100)] == [8, 16, 32, 64]


def test_find_deviations_are_from_the_middle_of_the_extremes() -> None:
    assert find_deviations(make_costs(5, 5)) == pytest.approx([0, 0])
    assert find_deviations(make_costs(8, 10, 12)) == pytest.approx([-0.2, 0, 0.2])


@pytest.mark.parametrize(("last", "verdict"), [(16.6, "met"), (16.7, "MISSED")])
def test_format_length_verdict_judges_the_furthest(last: float, verdict: str) -> None:
    assert format_length_verdict(make_costs(10, 12, last)).startswith(verdict)
