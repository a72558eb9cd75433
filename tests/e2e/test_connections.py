"""How callers reach a server: IPv6, proxies in the environment, connections that died silently."""

import http.client
import os
import subprocess
import sys
from contextlib import closing

import pytest
from e2e.calls import DEAD_PROXIES
from e2e.serve_process import serve
from emotion_client import EmotionClient
from emotion_command.checkout import ROOT
from fakes.relay import Relay


def run(script, *options):
    command = [sys.executable, str(ROOT / script), *options]
    environment = {**os.environ, **DEAD_PROXIES}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)


@pytest.mark.parametrize("host", ["::1", pytest.param("::", marks=pytest.mark.long)])
def test_server_on_ipv6_beside_a_dead_proxy_is_reached(host, monkeypatch):
    for name, value in DEAD_PROXIES.items():
        monkeypatch.setenv(name, value)
    hosts = ["[::1]", "127.0.0.1"] if host == "::" else ["[::1]"]
    options = ["--allow-old-triton"] if host == "::" else []
    with serve(f"--host={host}", *options) as running:
        running.wait_until_ready()
        port = int(running.url.rpartition(":")[2])
        assert running.url == f"[{host}]:{port}"
        for each in hosts:
            with EmotionClient(f"{each}:{port}") as client:
                assert client.predict("I love you").label == "love"
            done = run("scripts/healthcheck.py", f"--url={each}:{port}")
            assert (done.returncode, done.stderr) == (0, "")
            for other in (running.http_port, running.metrics_port):
                with closing(http.client.HTTPConnection(each.strip("[]"), other)) as connection:
                    connection.request("GET", "/metrics" if other != running.http_port else "/v2")
                    assert connection.getresponse().status == 200
        assert running.stop() == 0


def test_connection_that_died_silently_costs_no_call(server):
    with Relay(server.address.grpc_port) as relay, EmotionClient(relay.url) as client:
        client.predict("la")
        relay.freeze()
        assert client.predict("I love you").label == "love"
        assert relay.num_connections == 2


def test_old_triton_is_not_opened_to_other_machines():
    done = run("scripts/serve.py", "--host=0.0.0.0")
    assert done.returncode == 2
    first, second = done.stderr.splitlines()
    assert "without the fixes of 57 published vulnerabilities" in first
    assert second.endswith("or add --allow-old-triton.")
