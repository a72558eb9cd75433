"""The tree in `emotion_training/errors.py`."""

import inspect

from emotion_training import errors


def test_errors_drawn_tree_is_the_real_one(read_drawn_tree):
    classes = [x for _, x in inspect.getmembers(errors, inspect.isclass)]
    own = [x for x in classes if x.__module__ == errors.__name__]
    assert read_drawn_tree(errors) == {x.__name__: x.__base__.__name__ for x in own}
