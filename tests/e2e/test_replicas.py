"""Two real servers, of which one dies and comes back while callers go on."""

import threading
import time

import pytest
from e2e.replica import DEATHS, Replica
from emotion_client import EmotionError
from emotion_server.counters import count_executions
from tritonclient.grpc import InferenceServerClient

TIMEOUT_S = 10.0  # the client's default
SLACK_S = 1.0
NUM_CALLS_BACK = 20  # more than its own watch asks in that time


class Callers:
    """Threads that call until they are stopped.

    Attributes:
        num_answers: of all of them.
        failures: what they raised.
        slowest_s: the longest call.
    """

    def __init__(self, client, *, num_threads):
        self.num_answers, self.failures, self.slowest_s = 0, [], 0.0
        self._client, self._lock, self._is_over = client, threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(num_threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _call(self):
        while not self._is_over.is_set():
            start, failure = time.monotonic(), None
            try:
                self._client.predict("the lamp is low and the street is wet")
            except EmotionError as error:
                failure = error
            with self._lock:
                self.num_answers += failure is None
                self.failures += [failure] if failure else []
                self.slowest_s = max(self.slowest_s, time.monotonic() - start)


@pytest.fixture(scope="module")
def replica(default_repository):
    with Replica(default_repository) as running:
        yield running


def wait_for_calls(replica):
    """Returns how many batches the server that came back computed, once they are enough."""
    deadline = time.monotonic() + 30
    with InferenceServerClient(replica.url) as triton:
        while (num_calls := count_executions(triton, model="emotion")) <= NUM_CALLS_BACK:
            if time.monotonic() > deadline:
                break
            time.sleep(0.2)
    return num_calls


def check_death(client, *, replica, death, num_threads):
    with Callers(client, num_threads=num_threads) as callers:
        time.sleep(2)
        assert callers.num_answers > 0
        replica.die_and_start_again(death)
        assert wait_for_calls(replica) > NUM_CALLS_BACK
    assert callers.failures == []
    assert callers.slowest_s < TIMEOUT_S + SLACK_S


@pytest.mark.parametrize("open_client", ["sync"], indirect=True)
def test_replica_dies_and_comes_back_and_no_call_fails(open_client, server, replica):
    client = open_client([replica.url, server.address.url])
    check_death(client, replica=replica, death="killed", num_threads=8)


@pytest.mark.long
@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("num_threads", [1, 32])
def test_replica_dies_in_any_way_and_no_call_fails(
    death, num_threads, open_client, server, replica
):
    client = open_client([replica.url, server.address.url])
    check_death(client, replica=replica, death=death, num_threads=num_threads)
