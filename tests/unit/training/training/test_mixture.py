"""The mixture of kinds of text."""

from collections import Counter

from emotion_training.data import Example
from emotion_training.training.mixture import mix

EXAMPLES = [
    Example(f"{name} {i}", "joy", where=f"{name}.csv: line {i}")
    for i in range(20)
    for name in ("a", "b")
    if name == "a" or i < 3
]


def test_mix_takes_at_most_so_many_of_each_file_in_order():
    taken = mix(EXAMPLES, most=5, seed=0)
    assert Counter(x.source for x in taken) == {"a.csv": 5, "b.csv": 3}
    assert taken == [x for x in EXAMPLES if x in taken]


def test_mix_other_seed_takes_others():
    one, same, other = (mix(EXAMPLES, most=5, seed=seed) for seed in (0, 0, 1))
    assert one == same != other


def test_mix_without_a_limit_takes_all():
    assert mix(EXAMPLES, most=None, seed=0) == EXAMPLES
