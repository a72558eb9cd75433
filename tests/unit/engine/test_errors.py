"""The errors of the engine against the tree drawn at the top of their file."""

from emotion_engine import errors


def test_errors_match_the_drawn_tree_and_are_documented(read_drawn_tree):
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    real = {kind.__name__: kind.__base__.__name__ for kind in kinds}
    assert real.pop("EngineError") == "Exception"
    assert read_drawn_tree(errors) == real
    assert all(kind.__doc__ for kind in kinds)
