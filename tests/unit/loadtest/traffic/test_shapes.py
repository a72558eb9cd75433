"""How many users there are at each moment of a run."""

from __future__ import annotations

import pytest
from traffic.shapes import SHAPES, count_users

RUN_TIME_S, PEAK = 100.0, 50


def count_all(name: str, *, peak: int = PEAK) -> list[int | None]:
    """The users of every tenth of a second."""
    return [
        count_users(name, elapsed_s=i / 10, run_time_s=RUN_TIME_S, peak=peak) for i in range(1000)
    ]


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("ramp", {0: 1, 10: 5, 50: 25, 99: 50}),
        ("steps", {0: 10, 19.9: 10, 20: 20, 40: 30, 60: 40, 80: 50, 99.9: 50}),
        ("spike", {0: 10, 39.9: 10, 40: 50, 59.9: 50, 60: 10, 99.9: 10}),
        ("soak", {0: 1, 1: 10, 2.5: 25, 5: 50, 50: 50, 99.9: 50}),
    ],
    ids=["ramp", "steps", "spike", "soak"],
)
def test_shape_has_its_users_at_every_moment(name: str, users: dict[float, int]) -> None:
    assert {
        elapsed_s: count_users(name, elapsed_s=elapsed_s, run_time_s=RUN_TIME_S, peak=PEAK)
        for elapsed_s in users
    } == users


@pytest.mark.parametrize("name", SHAPES)
def test_shape_reaches_its_peak_and_never_more(name: str) -> None:
    counts = count_all(name)
    assert None not in counts
    assert max(count or 0 for count in counts) == PEAK


@pytest.mark.parametrize("name", SHAPES)
def test_shape_with_a_peak_of_one_has_one_user_all_the_time(name: str) -> None:
    assert set(count_all(name, peak=1)) == {1}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("elapsed_s", [RUN_TIME_S, RUN_TIME_S + 5], ids=["end", "later"])
def test_shape_is_over_at_the_end_of_the_run(name: str, elapsed_s: float) -> None:
    assert count_users(name, elapsed_s=elapsed_s, run_time_s=RUN_TIME_S, peak=PEAK) is None


def test_shapes_are_all_described() -> None:
    assert [*SHAPES] == ["ramp", "steps", "spike", "soak"]
    assert all(shape.__doc__ for shape in SHAPES.values())
