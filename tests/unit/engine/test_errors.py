"""The errors of the engine against the tree drawn at the top of their file."""

from emotion_engine import errors
from emotion_engine.errors import EngineError, EngineFailure, InvalidRequest


def defined_errors():
    return {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}


def test_errors_match_the_drawn_tree_and_are_documented(read_drawn_tree):
    real = {name: kind.__base__.__name__ for name, kind in defined_errors().items()}
    assert real.pop("EngineError") == "Exception"
    assert read_drawn_tree(errors) == real
    assert all(kind.__doc__ for kind in defined_errors().values())


def test_invalid_request_reason_is_not_in_the_sentence():
    error = InvalidRequest("row 3 is bad", reason="mask")
    assert (str(error), error.reason) == ("row 3 is bad", "mask")


def test_errors_have_two_branches():
    assert issubclass(InvalidRequest, EngineError)
    assert not issubclass(InvalidRequest, EngineFailure)
