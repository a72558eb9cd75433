"""The chart's probes and queries, as Helm renders them, against the real server."""

import os
import re
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from chart import extract_helm, render
from e2e.calls import ask_http, read_metric
from e2e.serve_process import serve
from emotion_client import EmotionClient, EmotionError

PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
RESTART_TIMEOUT_S = 60
NUM_CALLERS = 16


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    helm = extract_helm(tmp_path_factory.mktemp("helm"))
    return render(helm, values=["values-autoscaling.yaml"])


@pytest.fixture(scope="module")
def paths(objects):
    """The path that each probe asks for on the HTTP port."""
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in container["ports"]}
    requests = [container[probe]["httpGet"] for probe in PROBES]
    assert {ports[each["port"]] for each in requests} == {8000}
    return [each["path"] for each in requests]


@contextmanager
def traffic(url):
    """Calls a server during the block, and once at its end; every call must get the same label."""
    is_over, failures = threading.Event(), []
    with EmotionClient(url) as client:
        right = client.predict("I love you")

    def call():
        with EmotionClient(url, timeout_s=RESTART_TIMEOUT_S) as client:
            is_last = False
            while not is_last:
                is_last = is_over.is_set()
                try:
                    found = client.predict("I love you")
                except EmotionError as error:
                    failures.append(repr(error))
                    continue
                if found.label != right.label:
                    failures.append(found)

    threads = [threading.Thread(target=call) for _ in range(NUM_CALLERS)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert failures == []


def test_probes_and_metrics_of_a_server_and_readiness_that_notices_the_loss_of_a_model(
    objects, paths
):
    with serve() as server:
        server.wait_until_ready()

        def ask():
            return [ask_http(server.http_port, "GET", path)[0] for path in paths]

        assert ask() == [200, 200, 200]
        triggers = objects["ScaledObject"]["spec"]["triggers"]
        names = [re.search(r"emotion_\w+", each["metadata"]["query"])[0] for each in triggers]
        busy_s, num_waiting = (read_metric(server.metrics_port, name) for name in names)
        assert busy_s > 0
        assert num_waiting == 0
        with traffic(server.url):
            os.kill(server.model_pid("emotion"), signal.SIGKILL)
            seen, ready, end = set(), 0, time.monotonic() + RESTART_TIMEOUT_S
            while not (503 in seen and ready == 200):
                assert time.monotonic() < end, seen
                started, ready, live = ask()
                assert (started, live) == (200, 200)
                seen.add(ready)
                time.sleep(0.02)
            assert seen == {200, 503}
