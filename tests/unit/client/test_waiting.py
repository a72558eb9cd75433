"""Waits that Ctrl-C ends."""

import signal
from concurrent.futures import CancelledError, Future
from threading import Timer

import pytest
from emotion_client.waiting import wait_for


def test_signal_that_does_not_reach_the_wait_ends_it():
    future = Future()
    missed = Timer(0.3, signal.raise_signal, [signal.SIGINT])  # in a thread that waits for nothing
    late = Timer(20, future.set_result, ["too late"])
    for timer in (missed, late):
        timer.daemon = True
        timer.start()
    with pytest.raises(KeyboardInterrupt):
        wait_for(future)
    assert not future.done()
    late.cancel()


def test_wait_for_returns_the_result_or_raises_the_error():
    future = Future()
    Timer(0.3, future.set_result, ["la"]).start()
    assert wait_for(future) == "la"
    failed = Future()
    failed.set_exception(TimeoutError("its own"))
    with pytest.raises(TimeoutError, match="its own"):
        wait_for(failed)
    cancelled = Future()
    cancelled.cancel()
    with pytest.raises(CancelledError):
        wait_for(cancelled)
