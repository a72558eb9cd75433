"""The order of what is measured, round by round."""

from __future__ import annotations

from rounds import rotate

NAMES = ["a", "b", "c"]


def test_rotate_each_item_has_each_place_once() -> None:
    orders = [rotate(NAMES, round_number=i) for i in range(3)]
    assert orders[0] == NAMES
    assert all(sorted(place) == NAMES for place in zip(*orders, strict=True))
    assert rotate(NAMES, round_number=3) == NAMES
