"""Calls one after another."""

from emotion_benchmarks.overhead.lone_requests import time_each


def test_time_each_calls_once_in_order_and_checks_between():
    calls: list[str] = []
    times_s = time_each(calls.append, ["a", "b"], check=lambda: calls.append("check"))
    assert calls == ["check", "a", "check", "b"]
    assert len(times_s) == 2
