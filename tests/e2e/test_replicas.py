"""Two real servers, of which one dies and comes back while callers go on."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack

import pytest
from e2e.serve_process import serve
from emotion_client import EmotionError
from serving.address import Address, claim_ports

TIMEOUT_S = 10.0  # the client's default
SLACK_S = 1.0
DEATHS = {
    "killed": lambda running: os.kill(running.triton_pid(), signal.SIGKILL),
    "stopped": lambda running: running.process.send_signal(signal.SIGTERM),
    "model-killed": lambda running: os.kill(running.model_pid("emotion"), signal.SIGKILL),
}


class Replica:
    """serve.py on ports of its own, where it can start again."""

    def __init__(self, repository):
        address = claim_ports(Address(http_port=0, grpc_port=0, metrics_port=0))
        self.url = address.url
        self._options = [f"--model-repository={repository}"] + [
            f"--{name}-port={getattr(address, f'{name}_port')}"
            for name in ("http", "grpc", "metrics")
        ]
        self._stack = ExitStack()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start(self):
        self.running = self._stack.enter_context(serve(*self._options))
        self.running.wait_until_ready()

    def die_and_start_again(self, death):
        DEATHS[death](self.running)
        self.running.process.wait(60)
        self._stack.close()
        self.start()


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


def check_death(client, *, replica, death, num_threads):
    with Callers(client, num_threads=num_threads) as callers:
        time.sleep(2)
        assert callers.num_answers > 0
        replica.die_and_start_again(death)
        time.sleep(4)
        num_before = callers.num_answers
        time.sleep(1)
        assert callers.num_answers > num_before
    assert callers.failures == []
    assert callers.slowest_s < TIMEOUT_S + SLACK_S


@pytest.mark.parametrize("death", [pytest.param("killed", id="killed")])
def test_replica_dies_and_comes_back_and_no_call_fails(death, open_client, server, replica):
    client = open_client([replica.url, server.address.url])
    check_death(client, replica=replica, death=death, num_threads=8)


@pytest.mark.long
@pytest.mark.parametrize("death", DEATHS)
@pytest.mark.parametrize("num_threads", [1, 32])
def test_replica_dies_in_any_way_and_no_call_fails(
    death, num_threads, open_client, server, replica
):
    client = open_client([replica.url, server.address.url])
    check_death(client, replica=replica, death=death, num_threads=num_threads)
