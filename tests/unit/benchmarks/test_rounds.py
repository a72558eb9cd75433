"""The order of what is measured, round by round."""

from emotion_benchmarks.rounds import rotate

NAMES = ["a", "b", "c"]


def test_rotate_each_item_has_each_place_once():
    orders = [rotate(NAMES, round_number=i) for i in range(3)]
    assert orders[0] == NAMES
    assert all(sorted(place) == NAMES for place in zip(*orders, strict=True))
    assert rotate(NAMES, round_number=3) == NAMES
