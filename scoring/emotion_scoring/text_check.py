"""Which values are texts that a model can be asked for."""

from __future__ import annotations

from emotion_client import InvalidInput
from emotion_client.arguments import check_text


def find_problem(value: object) -> str | None:
    """Returns why a value cannot be scored, without the value itself; None if it may be."""
    is_nan = isinstance(value, float) and value != value  # a missing string in pandas
    if value is None or is_nan:
        return "text is null"
    try:
        check_text(value)
    except InvalidInput as error:
        return str(error)
    return None
