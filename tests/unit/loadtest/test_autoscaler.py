"""The rules of the HorizontalPodAutoscaler."""

import pytest
from emotion_loadtest.autoscaler import SYNC_S, Autoscaler, Limits, want

LIMITS = Limits(min_replicas=2, max_replicas=20, stabilization_s=60, removal_s=30)


def follow(loads, *, num_replicas, limits=LIMITS):
    """Returns the numbers of replicas that follow these loads, one every 15 s."""
    autoscaler, found = Autoscaler(limits), []
    for i, load in enumerate(loads):
        num_replicas = autoscaler.choose([load], num_replicas=num_replicas, now_s=i * SYNC_S)
        found.append(num_replicas)
    return found


@pytest.mark.parametrize(
    ("load", "expected"),
    [(4.0, 4), (4.39, 4), (3.6, 4), (4.41, 5), (3.59, 4), (2.5, 3), (9.2, 10), (0.0, 0)],
)
def test_want_is_the_load_rounded_up_unless_it_is_close(load, expected):
    assert want(load, num_replicas=4) == expected


def test_choose_goes_up_at_once_but_not_beyond_double_or_four_more():
    assert follow([50.0] * 3, num_replicas=2) == [6, 12, 20]
    assert follow([7.0] * 2, num_replicas=5) == [7, 7]


def test_choose_heeds_the_limits():
    assert follow([0.1], num_replicas=2) == [2]
    assert follow([99.0], num_replicas=20) == [20]


def test_choose_takes_the_largest_of_several_metrics():
    autoscaler = Autoscaler(LIMITS)
    assert autoscaler.choose([3.0, 7.0, 0.0], num_replicas=4, now_s=0) == 7


def test_choose_goes_down_when_less_was_enough_for_the_whole_window_and_one_by_one():
    # 60 s are four looks; a replica goes every 30 s, which is every second look.
    assert follow([5.0] + [3.0] * 8, num_replicas=5) == [5, 5, 5, 5, 4, 4, 3, 3, 3]


def test_choose_stays_where_a_peak_comes_back_within_the_window():
    assert follow([5.0, 2.0, 2.0, 2.0] * 4, num_replicas=5) == [5] * 16
