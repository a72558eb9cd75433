"""The order of what is measured, round by round."""

import pytest
from emotion_benchmarks.rounds import Lap, check_rounds, rotate
from emotion_command.errors import Refusal

NAMES = ["a", "b", "c"]


def test_rotate_each_item_has_each_place_once():
    orders = [rotate(NAMES, round_number=i) for i in range(3)]
    assert orders[0] == NAMES
    assert all(sorted(place) == NAMES for place in zip(*orders, strict=True))
    assert rotate(NAMES, round_number=3) == NAMES


def test_lap_has_a_rate():
    assert Lap(num_texts=100, wall_s=4.0, caller_cpu_s=1.0).texts_per_s == 25


def test_check_rounds_refuses_rounds_of_less_than_100():
    check_rounds(5, lines=500, texts=501)
    sentence = "--texts is 499; 5 rounds need at least 500, or give fewer --rounds"
    with pytest.raises(Refusal, match=f"^{sentence}$"):
        check_rounds(5, lines=500, texts=499)
