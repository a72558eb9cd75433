"""The errors of the engine against the tree drawn at the top of their file."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from emotion_engine import errors
from emotion_engine.errors import EngineError, EngineFailure, InvalidRequest


def defined_errors() -> dict[str, type]:
    return {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}


def test_errors_drawn_tree_is_the_real_one(
    read_drawn_tree: Callable[[ModuleType], dict[str, str]],
) -> None:
    real = {name: kind.__base__.__name__ for name, kind in defined_errors().items()}
    assert real.pop("EngineError") == "Exception"
    assert read_drawn_tree(errors) == real


def test_errors_every_one_is_documented() -> None:
    assert all(kind.__doc__ for kind in defined_errors().values())


def test_invalid_request_reason_is_no_part_of_the_sentence() -> None:
    error = InvalidRequest("row 3 is bad", reason="mask")
    assert (str(error), error.reason) == ("row 3 is bad", "mask")


def test_errors_two_branches_are_apart() -> None:
    assert issubclass(InvalidRequest, EngineError)
    assert not issubclass(InvalidRequest, EngineFailure)
