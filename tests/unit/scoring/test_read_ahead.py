"""An iterator that works ahead: order, limits, errors and its end."""

import threading
import time

import pytest
from emotion_scoring.read_ahead import read_ahead


def count_threads():
    return sum(thread.name == "read-ahead" for thread in threading.enumerate())


def test_items_come_in_order_and_the_thread_ends():
    assert list(read_ahead(iter(range(100)), num_ahead=2)) == list(range(100))
    assert count_threads() == 0


def test_no_more_than_num_ahead_wait():
    made = []
    items = read_ahead((made.append(i) or i for i in range(100)), num_ahead=3)
    for i in range(10):
        assert next(items) == i
        time.sleep(0.01)
        assert len(made) <= i + 1 + 3 + 1  # one is held by the thread that waits
    items.close()
    assert count_threads() == 0


def test_it_works_while_its_user_does():
    started = threading.Event()

    def make():
        yield 0
        started.set()
        yield 1

    items = read_ahead(make(), num_ahead=1)
    assert next(items) == 0
    assert started.wait(5)
    assert list(items) == [1]


@pytest.mark.parametrize("error", [KeyError("songs"), KeyboardInterrupt()], ids=repr)
def test_error_comes_after_the_items_before_it(error):
    def make():
        yield 0
        raise error

    items = read_ahead(make(), num_ahead=2)
    assert next(items) == 0
    with pytest.raises(type(error)):
        next(items)
    assert count_threads() == 0
