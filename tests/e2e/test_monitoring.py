"""A real Prometheus with the stack's configuration: dashboard and alerts have data."""

import json
import math
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from functools import partial

import pytest
from e2e.calls import ids_inputs, infer, start_all, text_inputs
from emotion_server.address import FREE_PORTS, claim_ports
from emotion_server.triton_server import GPU_DEVICE
from stack import DEPLOY, find_tool, read_alerts, read_queries

TIMEOUT_S = 20
MAX_WAIT_S = 60
WINDOW = "10s"  # instead of Grafana's $__rate_interval
# Without a GPU these queries, and only these, have no data.
NEED_GPU = (
    "How busy is the GPU? A",
    "How full is the GPU's memory? A",
    "How much power does the GPU take? A",
    "How much power does the GPU take? B",
    "GpuMemoryFull 0",
)
# Triton's names: docs/user_guide/metrics.md of triton-inference-server/server.
GPU_METRICS = {
    "nv_energy_consumption",
    "nv_gpu_memory_total_bytes",
    "nv_gpu_memory_used_bytes",
    "nv_gpu_power_limit",
    "nv_gpu_power_usage",
    "nv_gpu_utilization",
}


@pytest.fixture(scope="module")
def ask(server, tmp_path_factory):
    """Asks a Prometheus that scrapes the server; returns the finite values of a query."""
    program = find_tool("prometheus")
    folder = tmp_path_factory.mktemp("prometheus")
    lay_out(folder / "config", metrics_port=server.address.metrics_port)
    port = claim_ports(FREE_PORTS).http_port
    command = [
        program,
        f"--config.file={folder / 'config' / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(port, process=process, log=log)
        yield partial(query, port)
    finally:
        process.terminate()
        process.wait(TIMEOUT_S)


def lay_out(folder, *, metrics_port):
    """Copies the configuration with another address and shorter intervals."""
    shutil.copytree(DEPLOY / "prometheus", folder)
    config = folder / "prometheus.yml"
    text = config.read_text()
    assert "targets: [triton:8002]" in text
    text = text.replace("triton:8002", f"127.0.0.1:{metrics_port}")
    text, num_intervals = re.subn(r"_interval: \d+s", "_interval: 1s", text)
    assert num_intervals == 2
    config.write_text(text)


def wait_until_ready(port, *, process, log):
    deadline = time.monotonic() + MAX_WAIT_S
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=TIMEOUT_S):
                return
        except OSError:
            time.sleep(0.1)


def query(port, expression):
    url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
        result = json.load(answer)["data"]["result"]
    return [value for each in result if math.isfinite(value := float(each["value"][1]))]


def send_requests(triton):
    """Sends good and bad requests concurrently."""
    good = partial(infer, triton, "emotion", ids_inputs([[101, 102]]))
    text = partial(infer, triton, "emotion_text", text_inputs("rain", "la la"))
    bad = partial(infer, triton, "emotion", ids_inputs([[-1]]))
    futures = start_all([good, text, bad] * 4, at_a_time=12)
    assert sum(future.exception() is not None for future in futures) == 4


def read_operands():
    """Returns what each alert compares: its expression without the threshold.

    An expression with `unless` has two sides, and both must have data.
    """
    operands = {}
    for name, rule in read_alerts().items():
        for i, side in enumerate(re.split(r" unless on \(instance\) ", rule["expr"])):
            operands[f"{name} {i}"] = re.sub(r"\s(==|>) [\d.]+$", "", side.strip())
    return operands


def test_every_query_has_data(ask, triton):
    queries = {**read_queries(window=WINDOW), **read_operands()}
    waiting = {name for name in queries if name not in NEED_GPU or GPU_DEVICE.exists()}
    deadline = time.monotonic() + MAX_WAIT_S
    while waiting := {name for name in waiting if not ask(queries[name])}:
        assert time.monotonic() < deadline, waiting
        send_requests(triton)
        time.sleep(0.2)


def test_no_alert_fires_for_a_healthy_server(ask):
    assert ask('up{job="triton"}') == [1]
    assert ask('ALERTS{alertstate="firing"}') == []


def test_queries_that_need_a_gpu_use_documented_metrics():
    queries = {**read_queries(window=WINDOW), **read_operands()}
    for name in NEED_GPU:
        assert set(re.findall(r"nv_\w+", queries[name])) <= GPU_METRICS


@pytest.mark.parametrize(
    ("name", "operand"),
    [
        ("TritonDown 0", 'up{job="triton"}'),
        ("MetricsMissing 0", '(up{job="triton"} == 1)'),
        ("GpuMemoryFull 0", "nv_gpu_memory_used_bytes / nv_gpu_memory_total_bytes"),
    ],
)
def test_operand_is_the_expression_without_its_threshold(name, operand):
    assert read_operands()[name] == operand
