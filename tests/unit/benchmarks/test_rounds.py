"""The order of what is measured, round by round."""

from emotion_benchmarks.comparison.peers import PEERS
from emotion_benchmarks.rounds import rotate, spread

NAMES = ["a", "b", "c"]


def test_rotate_each_item_has_each_place_once():
    orders = [rotate(NAMES, round_number=i) for i in range(3)]
    assert orders[0] == NAMES
    assert all(sorted(place) == NAMES for place in zip(*orders, strict=True))
    assert rotate(NAMES, round_number=3) == NAMES


def test_spread_has_the_places_far_apart():
    first, second = (spread(PEERS, round_number=i, num_rounds=2) for i in range(2))
    assert first == list(PEERS)
    assert sorted(map(id, second)) == sorted(map(id, PEERS))
    assert second.index(PEERS[0]) == (len(PEERS) + 1) // 2
