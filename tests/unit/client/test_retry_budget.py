"""How many retries there are, and when there are more."""

from emotion_client import retry_budget
from emotion_client.retry_budget import MAX_RETRIES, RetryBudget


def test_take_stops_at_the_budget_which_fills_with_time_and_successes(monkeypatch):
    now = 1000.0
    monkeypatch.setattr(retry_budget, "monotonic", lambda: now)
    budget = RetryBudget()

    def count():
        return sum(budget.take() for _ in range(1000))

    assert count() == MAX_RETRIES
    now += 3
    assert count() == 3
    for _ in range(11):
        budget.add_for_success()
    assert count() == 2
    now += 1e6
    assert count() == MAX_RETRIES
