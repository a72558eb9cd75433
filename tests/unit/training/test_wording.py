"""Words of messages."""

import pytest
from emotion_training.wording import count, first_line


@pytest.mark.parametrize(("number", "text"), [(0, "0 texts"), (1, "1 text"), (2, "2 texts")])
def test_count_is_singular_only_for_one(number, text):
    assert count(number, "text") == text


@pytest.mark.parametrize(
    ("message", "line"), [("no such key.\nTry again.", "no such key"), (" \n", "ValueError")]
)
def test_first_line_is_never_empty(message, line):
    assert first_line(ValueError(message)) == line
