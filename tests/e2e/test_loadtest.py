"""Load tests as a user runs them, against the real Triton."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from conftest import find_free_port
from e2e.calls import DEAD_PROXIES, read_metric
from e2e.serve_process import serve
from emotion_command.checkout import ROOT
from emotion_server.counters import read_load
from tritonclient.grpc import InferenceServerClient

RUN = ROOT / "loadtest" / "run.py"
CAPACITY = RUN.with_name("capacity.py")
TIMEOUT_S = 120
SUCCESS = "nv_inference_request_success"


def run_load(*options, command=RUN):
    """Runs a load test to its end, on a machine whose environment names a proxy."""
    return subprocess.run(
        [sys.executable, str(command), *options],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={**os.environ, **DEAD_PROXIES},
    )


def read_report(folder, name="report"):
    return json.loads((Path(folder) / f"{name}.json").read_text())


@contextmanager
def amid_calls(url, act):
    """Does something a second after the first calls came in, whenever that is."""

    def wait():
        with InferenceServerClient(url) as triton:
            before = read_load(triton).num_rows
            deadline = time.monotonic() + TIMEOUT_S
            while read_load(triton).num_rows < before + 5 and time.monotonic() < deadline:
                time.sleep(0.1)
        time.sleep(1)
        act()

    thread = Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture(scope="module")
def own_server():
    with serve() as running:
        running.wait_until_ready()
        yield running


def test_run_missed_target_exits_one_and_writes_the_report(server, tmp_path):
    done = run_load(
        f"--url={server.address.url}",
        "--users=4",
        "--seconds=5",
        "--warm-up=1",
        "--targets=",
        "--min-rate=1000000",
        "--max-error-share=0",
        f"--report={tmp_path}",
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = done.stdout.splitlines()
    (missed, met) = (line.split() for line in lines if line.startswith(("MISSED", "met")))
    assert (missed[1], missed[-4:]) == ("rate", ["at", "least", "1,000,000", "texts/s"])
    assert (met[1], met[-4:]) == ("errors", ["at", "most", "0", "%"])
    report = read_report(tmp_path)
    assert [target["is_met"] for target in report["targets"]] == [False, True]
    assert report["callers"]["num_calls"] > 0
    assert report["callers"]["percentiles_ms"]["p99"] > 0
    assert report["server"]["rows_per_batch"] >= 1
    page = (tmp_path / "report.html").read_text()
    assert "target missed" in page
    assert page.count("<svg") == 4


def test_run_counts_every_call_that_triton_counts(server, tmp_path):
    before = read_metric(server.address.metrics_port, f'{SUCCESS}{{model="emotion",version="1"}}')
    done = run_load(
        f"--url={server.address.url}",
        "--rate=20",
        "--seconds=4",
        "--warm-up=0",
        "--processes=2",
        f"--report={tmp_path}",
    )
    report = read_report(tmp_path)
    assert report["generator"]["num_processes"] == 2, done.stderr
    after = read_metric(server.address.metrics_port, f'{SUCCESS}{{model="emotion",version="1"}}')
    assert sum(second["due"] for second in report["seconds"]) == after - before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        pytest.param(["--url=127.0.0.1:9"], "127.0.0.1:9", id="no-server"),
        pytest.param(["--targets={tmp}/odd.toml"], "unknown target speed", id="unknown-target"),
        pytest.param(["--max-p99-ms=-1"], "got '-1'", id="negative-option"),
        pytest.param(["--texts={tmp}/empty.txt"], "has no text", id="empty-texts"),
        pytest.param(
            ["--rate=30000", "--seconds=2", "--warm-up=0", "--call-timeout=0.5"],
            "the generator cannot send that rate",
            id="rate-beyond-the-generator",
        ),
    ],
)
def test_run_cannot_run_exits_two_with_a_sentence(server, tmp_path, options, sentence):
    (tmp_path / "odd.toml").write_text("speed = 1\n")
    (tmp_path / "empty.txt").write_text("\n\n")
    options = [option.format(tmp=tmp_path) for option in options]
    done = run_load(f"--url={server.address.url}", f"--report={tmp_path}", *options)
    assert done.returncode == 2
    assert sentence in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_open_loop_shows_a_pause_of_the_server(own_server, tmp_path):
    triton = own_server.triton_pid()

    def pause():
        os.kill(triton, signal.SIGSTOP)
        time.sleep(2)
        os.kill(triton, signal.SIGCONT)

    with amid_calls(own_server.url, pause):
        done = run_load(
            f"--url={own_server.url}",
            "--rate=10",
            "--seconds=8",
            "--warm-up=0",
            f"--report={tmp_path}",
        )
    report = read_report(tmp_path)
    assert report["callers"]["failures"] == {}, done.stdout
    assert report["callers"]["percentiles_ms"]["p99"] > 1000


def test_run_server_killed_half_way_ends_by_itself(own_server, tmp_path):
    triton = own_server.triton_pid()
    start = time.monotonic()
    with amid_calls(own_server.url, lambda: os.kill(triton, signal.SIGKILL)):
        done = run_load(
            f"--url={own_server.url}",
            "--users=4",
            "--seconds=8",
            "--warm-up=0",
            "--call-timeout=1",
            "--max-error-share=0",
            f"--report={tmp_path}",
        )
    assert done.returncode == 1
    assert time.monotonic() - start < 40
    callers = read_report(tmp_path)["callers"]
    assert 0 < callers["error_share"] < 1
    assert sum(callers["failures"].values()) == round(callers["error_share"] * callers["num_calls"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_run_stopped_by_signal_exits_zero(server, tmp_path, number):
    process = subprocess.Popen(
        [sys.executable, str(RUN), f"--url={server.address.url}", f"--report={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with amid_calls(server.address.url, lambda: process.send_signal(number)):
        pass
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    assert errors.endswith("loadtest: stopped\n")


@pytest.mark.long
def test_worker_killed_is_no_verdict(server, tmp_path):
    locust = [sys.executable, "-m", "locust", "-f", str(RUN.with_name("locustfile.py"))]
    port = find_free_port()
    options = [f"--master-bind-port={port}", "--headless", "--expect-workers=2", "-u4", "-r4"]
    load = [f"--host={server.address.url}", "--run-time=6s", f"--report={tmp_path}"]
    workers = [
        subprocess.Popen([*locust, "--worker", f"--master-port={port}"], stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        with amid_calls(server.address.url, workers[0].kill):
            done = subprocess.run(
                [*locust, "--master", *options, *load, "TextUser"],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert done.returncode == 2
    assert "1 of 2 workers did not send all their calls" in done.stderr


@pytest.mark.long
def test_capacity_finds_a_rate_that_holds(server, tmp_path):
    done = run_load(
        f"--url={server.address.url}",
        "--max-p99-ms=2000",
        "--seconds=5",
        "--precision=0.3",
        f"--report={tmp_path}",
        command=CAPACITY,
    )
    assert done.returncode == 0, done.stderr
    found = read_report(tmp_path, "capacity")
    assert 0 < found["held"]["rate"] <= 2 * found["most_per_s"]
    assert found["held"]["p99_ms"] <= 2000
    assert (tmp_path / "capacity.png").stat().st_size > 10_000
    assert "<svg" in (tmp_path / "capacity.html").read_text()


@pytest.mark.long
def test_rate_agrees_with_tritons_counter(server, tmp_path):
    run_load(f"--url={server.address.url}", "--users=16", "--seconds=30", f"--report={tmp_path}")
    report = read_report(tmp_path)
    assert abs(report["server"]["difference"]) < 0.02
