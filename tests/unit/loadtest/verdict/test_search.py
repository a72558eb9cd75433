"""The search for the capacity, against servers of which the capacity is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import pytest
from load_runs import build_step
from verdict.search import FIRST_SHARES, LOWEST_SHARE, Step, choose_rate, find_held

MOST_PER_S = 100.0
LIMIT_MS = 500.0
PRECISION = 0.05
MAX_STEPS = 20
SLOW_MS = 2 * LIMIT_MS


def choose(steps: list[Step], *, precision: float = PRECISION) -> float | None:
    return choose_rate(steps, most_per_s=MOST_PER_S, max_p99_ms=LIMIT_MS, precision=precision)


def find(steps: list[Step]) -> Step | None:
    return find_held(steps, max_p99_ms=LIMIT_MS)


def search(
    measure: Callable[[float], Step],
    *,
    most_per_s: float,
    max_p99_ms: float = LIMIT_MS,
    precision: float = PRECISION,
) -> list[Step]:
    """Returns all steps of a search that must end."""
    steps: list[Step] = []
    while (
        rate := choose_rate(
            steps, most_per_s=most_per_s, max_p99_ms=max_p99_ms, precision=precision
        )
    ) is not None:
        assert len(steps) < MAX_STEPS
        steps.append(measure(rate))
    return steps


def queue(serves_per_s: float) -> Callable[[float], Step]:
    """A server with one line before it (M/M/1), whose p99 is known exactly."""

    def measure(rate: float) -> Step:
        if rate >= serves_per_s:
            return build_step(rate, p99_ms=60_000, done_per_s=serves_per_s)
        return build_step(rate, p99_ms=1000 * math.log(100) / (serves_per_s - rate))

    return measure


def find_capacity(serves_per_s: float, *, max_p99_ms: float) -> float:
    return serves_per_s - 1000 * math.log(100) / max_p99_ms


@pytest.mark.parametrize(
    ("changes", "holds"),
    [
        ({"p99_ms": LIMIT_MS}, True),
        ({"p99_ms": LIMIT_MS + 1}, False),
        ({"p99_ms": math.inf}, False),
        ({"error_share": 0.001}, True),
        ({"error_share": 0.002}, False),
        ({"due_per_s": 50.0, "done_per_s": 47.5}, True),
        ({"due_per_s": 50.0, "done_per_s": 47.4}, False),
        ({"due_per_s": 40.0, "done_per_s": 39.0}, True),
        ({"problem": "the generator was the limit"}, False),
    ],
    ids=[
        "p99-at-limit",
        "p99-above",
        "no-answer",
        "errors-at-limit",
        "errors-above",
        "keeps-up",
        "backlog",
        "fewer-due-than-asked-for",
        "problem",
    ],
)
def test_step_holds_in_time_without_errors_and_without_a_backlog(
    changes: dict[str, float], holds: bool
) -> None:
    assert build_step(50.0, **changes).holds(max_p99_ms=LIMIT_MS) is holds  # type: ignore[arg-type]


def test_choose_rate_begins_with_shares_of_the_most() -> None:
    steps: list[Step] = []
    for share in FIRST_SHARES:
        rate = choose(steps)
        assert rate == share * MOST_PER_S
        steps.append(build_step(rate))
    assert choose(steps) == pytest.approx(99)  # and on above the last, by a tenth


def test_choose_rate_bisects_from_the_first_that_does_not_hold() -> None:
    steps = [build_step(25.0), build_step(50.0, p99_ms=SLOW_MS)]
    assert choose(steps) == 37.5
    assert choose([*steps, build_step(37.5)]) == 43.75
    assert choose([*steps, build_step(37.5, p99_ms=SLOW_MS)]) == 31.25


@pytest.mark.parametrize("max_p99_ms", [100.0, 500.0, 5000.0], ids=["strict", "usual", "loose"])
@pytest.mark.parametrize("closed_loop", [0.7, 1.0, 1.4], ids=["below", "exact", "above"])
@pytest.mark.parametrize("serves_per_s", [60.0, 500.0, 20_000.0], ids=["cpu", "gpu", "gpus"])
def test_search_finds_the_capacity_of_a_queue(
    serves_per_s: float, closed_loop: float, max_p99_ms: float
) -> None:
    # What a closed loop shows may be less than the server does, or more, by fuller batches.
    most_per_s = closed_loop * serves_per_s
    steps = search(queue(serves_per_s), most_per_s=most_per_s, max_p99_ms=max_p99_ms)
    held = find_held(steps, max_p99_ms=max_p99_ms)
    capacity = find_capacity(serves_per_s, max_p99_ms=max_p99_ms)
    assert held is not None
    assert held.rate <= capacity <= (1 + PRECISION) * held.rate


@pytest.mark.parametrize("precision", [0.5, 0.1, 0.02, 0.01])
def test_search_is_as_precise_as_asked_for(precision: float) -> None:
    steps = search(queue(60.0), most_per_s=55.0, precision=precision)
    held = find(steps)
    assert held is not None
    capacity = find_capacity(60.0, max_p99_ms=LIMIT_MS)
    assert held.rate <= capacity <= (1 + precision) * held.rate


@pytest.mark.parametrize(
    "measure",
    [
        queue(5.0),
        lambda rate: build_step(rate, error_share=0.01),
        lambda rate: build_step(rate, p99_ms=math.inf, done_per_s=0.0, error_share=1.0),
    ],
    ids=["too-slow", "errors", "no-answer"],
)
def test_search_where_no_rate_holds_ends_soon_without_an_answer(
    measure: Callable[[float], Step],
) -> None:
    steps = search(measure, most_per_s=MOST_PER_S)
    assert find(steps) is None
    assert len(steps) <= 6
    assert min(step.rate for step in steps) <= LOWEST_SHARE * MOST_PER_S


@pytest.mark.parametrize("seed", range(20))
def test_search_with_a_noisy_server_ends_near_its_capacity(seed: int) -> None:
    rng, measure = random.Random(seed), queue(60.0)

    def measure_noisily(rate: float) -> Step:
        exact = measure(rate)
        p99_ms = exact.p99_ms * rng.uniform(0.7, 1.4)
        return build_step(rate, p99_ms=p99_ms, done_per_s=exact.done_per_s)

    held = find(search(measure_noisily, most_per_s=60.0))
    assert held is not None
    # Where p99 is 1 / 1.4 and 1 / 0.7 of the limit.
    lowest, highest = (find_capacity(60.0, max_p99_ms=LIMIT_MS / each) for each in (1.4, 0.7))
    assert lowest / (1 + PRECISION) <= held.rate <= highest


def walk(steps: list[Step]) -> Iterator[list[Step]]:
    """Yields the steps of every search there can be, whatever holds and does not."""
    rate = choose(steps)
    if rate is None or len(steps) == MAX_STEPS:
        yield steps
        return
    for p99_ms in (1.0, SLOW_MS):
        yield from walk([*steps, build_step(rate, p99_ms=p99_ms)])


def test_search_ends_within_20_steps_with_an_answer_as_precise_as_asked_for() -> None:
    for steps in walk([]):
        failed = min((step.rate for step in steps if step.p99_ms == SLOW_MS), default=math.inf)
        held = find(steps)
        if choose(steps) is not None:  # the server holds whatever comes
            assert max(step.rate for step in steps) > 3 * MOST_PER_S
        elif held is None:
            assert failed <= LOWEST_SHARE * MOST_PER_S
        else:
            assert held.rate < failed <= (1 + PRECISION) * held.rate


def test_search_tries_no_rate_twice() -> None:
    for steps in walk([]):
        assert len({step.rate for step in steps}) == len(steps)


def test_find_held_is_the_highest_below_the_lowest_that_does_not_hold() -> None:
    steps = [
        build_step(90.0),
        build_step(50.0, p99_ms=SLOW_MS),
        build_step(25.0),
        build_step(37.5),
        build_step(43.0, p99_ms=SLOW_MS),
    ]
    assert find(steps) == steps[3]


@pytest.mark.parametrize(
    "steps",
    [[], [build_step(25.0, p99_ms=SLOW_MS)], [build_step(25.0, p99_ms=SLOW_MS), build_step(30.0)]],
    ids=["no-steps", "none-holds", "only-above-one-that-does-not"],
)
def test_find_held_without_one_is_none(steps: list[Step]) -> None:
    assert find(steps) is None
