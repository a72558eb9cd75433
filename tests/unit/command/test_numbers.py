"""Numbers on a command line: limits from both sides, and what the errors say."""

import argparse

import pytest
from emotion_command.numbers import checked, integer, number, number_above

INTEGER = integer(1, 100)
BALANCE = integer(-5, 5)
SHARE = number(0, 1)
SECONDS = number_above(0, 86400)
COUNT = number(0, 1_000_000)


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (INTEGER, "1", 1),
        (INTEGER, "100", 100),
        (INTEGER, "007", 7),
        (BALANCE, "-5", -5),
        (SHARE, "0", 0.0),
        (SHARE, "1", 1.0),
        (SHARE, "-0.0", 0.0),
        (SHARE, "5e-1", 0.5),
        (SECONDS, "1e-9", 1e-9),
        (SECONDS, "86400", 86400.0),
    ],
)
def test_number_within_the_limits_is_parsed(parse, text, value):
    assert parse(text) == value
    assert type(parse(text)) is type(value)


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (INTEGER, "0", "an integer from 1 to 100"),
        (INTEGER, "101", "an integer from 1 to 100"),
        (BALANCE, "-6", "an integer from -5 to 5"),
        *((INTEGER, text, "an integer from 1 to 100") for text in ("", " 5", "5.0", "1_0", "٥")),
        pytest.param(INTEGER, "9" * 5000, "an integer from 1 to 100", id="more-digits-than-int"),
        (SHARE, "-1e-9", "a number from 0 to 1"),
        (SHARE, "1.0001", "a number from 0 to 1"),
        *((SHARE, text, "a number from 0 to 1") for text in ("", "5%", "nan", "inf", "-inf")),
        (SECONDS, "0", "a number greater than 0 and at most 86400"),
        (SECONDS, "86400.001", "a number greater than 0 and at most 86400"),
        (SECONDS, "soon", "a number greater than 0 and at most 86400"),
        (COUNT, "1000001", "a number from 0 to 1000000"),
    ],
)
def test_number_outside_the_limits_is_refused_with_limits_and_value(parse, text, expected):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        parse(text)
    assert str(caught.value) == f"expected {expected}, got {text!r}"


def test_checked_turns_a_value_error_into_one_of_argparse():
    def check(text):
        if text != "good":
            raise ValueError(f"expected good, got {text}")
        return 5

    assert checked(check)("good") == 5
    with pytest.raises(argparse.ArgumentTypeError, match="expected good, got bad"):
        checked(check)("bad")
