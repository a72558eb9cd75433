"""Many texts become a few sentences and one exit code."""

from __future__ import annotations

from emotion_client import InvalidInput, Overloaded, Unavailable
from emotion_client.command.tally import Tally
from fake_client import predict


def test_tally_describes_the_first_of_each_kind() -> None:
    tally = Tally()
    assert (list(tally.describe()), tally.exit_code()) == ([], 0)
    for answer in (predict(), Overloaded("one"), Unavailable("two"), InvalidInput("three")):
        tally.add(answer)
    assert list(tally.describe()) == [
        "bad input: 1 of 4 texts; the first: three",
        "no answer: 2 of 4 texts; the first: one",
    ]
    assert (tally.exit_code(), tally.num_failed_in_a_row) == (2, 2)
    tally.add(predict())
    assert tally.num_failed_in_a_row == 0
