"""Faults: nothing hangs, nothing is left behind, and the exit code says what happened."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from conftest import copy_repository, with_checkpoint
from e2e.calls import ids_inputs, infer, start_all
from e2e.serve_process import SERVE, are_gone, find_traces, serve
from emotion_client import DeadlineExceeded, EmotionClient, EmotionError, Overloaded, Unavailable
from emotion_client.errors import translate
from emotion_server.address import FREE_PORTS
from emotion_server.counters import read_load
from emotion_server.scratch import sweep
from emotion_server.service import Service
from emotion_server.triton_server import TritonServer
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

MAX_DEATH_S = 20


class Load:
    """Threads that send ids without retries until the end, and keep the result of each call."""

    def __init__(self, url, *, num_threads=16):
        self.url = url
        self.answers, self.errors = [], []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self._call) for _ in range(num_threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join(30)
            assert not thread.is_alive(), "a call hangs"

    def _call(self):
        inputs = ids_inputs([[101, 102]])
        with InferenceServerClient(self.url) as triton:
            while not self.is_over.is_set():
                try:
                    self.answers.append(infer(triton, "emotion", inputs))
                except InferenceServerException as error:
                    self.errors.append(translate(error.status(), error.message(), url=self.url))
                    time.sleep(0.01)


@contextmanager
def serve_and_clean_up(*options):
    """Runs serve.py from ready to its end; it must leave no processes and no files."""
    with serve(*options) as running:
        running.wait_until_ready()
        left, prefix = running.descendants(), running.read_prefix()
        assert find_traces(prefix)
        yield running
        assert running.process.poll() is not None
        assert are_gone(left)
        assert not find_traces(prefix)


def test_serve_sigterm_under_load_ends_every_call():
    with serve_and_clean_up() as running, Load(running.url) as load:
        time.sleep(2)
        assert load.answers
        assert not load.errors
        assert running.stop(signal.SIGTERM) == 0
    assert load.errors
    # A call that Triton accepted and forgot would end with DeadlineExceeded.
    assert {type(error) for error in load.errors} == {Unavailable}


def test_serve_ctrl_c_during_the_start_stops_with_zero():
    with serve() as running:
        running.wait_until_triton_starts()
        left, prefix = running.descendants(), running.read_prefix()
        assert running.stop(signal.SIGINT) == 0
        assert are_gone(left)
        assert not find_traces(prefix)


FAULTS = {
    "model killed": lambda running: os.kill(running.model_pid("emotion"), signal.SIGKILL),
    "Triton killed": lambda running: os.kill(running.triton_pid(), signal.SIGKILL),
    "tokenizer killed": lambda running: os.kill(
        running.model_pid("emotion_tokenizer"), signal.SIGKILL
    ),
    "info killed": lambda running: os.kill(running.model_pid("emotion_info"), signal.SIGKILL),
    "model stopped": lambda running: os.kill(running.model_pid("emotion"), signal.SIGSTOP),
    "Triton stopped": lambda running: os.kill(running.triton_pid(), signal.SIGSTOP),
    "door killed": lambda running: os.kill(running.door_pid(), signal.SIGKILL),
    "door stopped": lambda running: os.kill(running.door_pid(), signal.SIGSTOP),
}
SHORT_FAULTS = ("door killed",)  # test_probes.py kills a model


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(name, marks=[] if name in SHORT_FAULTS else [pytest.mark.long])
        for name in FAULTS
    ],
)
def test_serve_replaces_what_dies_and_no_call_fails(fault):
    with serve_and_clean_up() as running, EmotionClient(running.url, timeout_s=20) as client:
        right = client.predict("I love you")
        failures, num_answers, is_over = [], [0], threading.Event()

        def call():
            while not is_over.is_set():
                try:
                    found = client.predict("I love you")
                except EmotionError as error:
                    failures.append(error)
                    continue
                num_answers[0] += 1
                if found.label != right.label:
                    failures.append(found)

        threads = [threading.Thread(target=call) for _ in range(16)]
        for thread in threads:
            thread.start()
        FAULTS[fault](running)
        running.wait_until_restarted()
        num_before = num_answers[0]
        client.predict("I love you")
        time.sleep(1)
        is_over.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert num_answers[0] > num_before
        assert running.stop(signal.SIGINT) == 0
        assert running.errors.read_text().endswith("\nserve: stopped\n")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_serve_model_that_hangs_again_and_again_exits_one(default_repository, tmp_path):
    repository = with_checkpoint(default_repository, target=tmp_path / "repository")
    slow_down(
        repository / "emotion_tokenizer" / "1" / "model.py",
        by="import time; self.n = getattr(self, 'n', 0) + 1; time.sleep(999 * (self.n > 3))",
    )
    with serve_and_clean_up(f"--model-repository={repository}") as running:
        assert running.process.wait(300) == 1
        assert "emotion_tokenizer hangs; 5 restarts" in running.errors.read_text()


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, of util-linux")
def test_serve_killed_itself_stops_triton():
    with serve() as running:
        running.wait_until_ready()
        left, prefix = running.descendants(), running.read_prefix()
        running.process.kill()
        assert are_gone(left, within_s=MAX_DEATH_S)
    assert find_traces(prefix)
    sweep(Path(tempfile.gettempdir()))  # as the next server does at its start
    assert not find_traces(prefix)


def run_serve(*options):
    return subprocess.run(
        [sys.executable, str(SERVE), *options], capture_output=True, text=True, timeout=90
    )


def test_serve_port_taken_exits_two():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_serve("--http-port=0", f"--grpc-port={port}", "--metrics-port=0")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"serve: cannot listen on 127.0.0.1:{port}: Address already in use; "
        "choose another with --grpc-port or --host"
    )


def test_serve_checkpoint_missing_exits_two(tmp_path):
    done = run_serve(f"--model-repository={copy_repository(tmp_path / 'repository')}")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "checkpoint is missing; run `make prepare`" in done.stderr


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        pytest.param({"dtype": "int3"}, "dtype is 'int3'; choose one of auto", id="bad value"),
        pytest.param(
            {"max_batch_tokens": "5"},
            "max_length, 128",
            id="budget too small",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {"cuda_graphs": "on", "encoder": "padded"},
            "cuda_graphs is 'on', but ",
            id="CUDA graphs where they cannot run",
            marks=pytest.mark.long,
        ),
    ],
)
def test_server_wrong_configuration_stops_the_start(
    default_repository, tmp_path, parameters, sentence
):
    target = tmp_path / "repository"
    repository = with_checkpoint(default_repository, target=target, parameters=parameters)
    done = run_serve(
        f"--model-repository={repository}", "--http-port=0", "--grpc-port=0", "--metrics-port=0"
    )
    assert done.returncode == 2
    assert sentence in done.stderr.splitlines()[-1]


@pytest.mark.long
def test_full_queue_with_a_limit_answers_at_once(default_repository, tmp_path):
    repository = with_checkpoint(default_repository, target=tmp_path / "repository")
    config = repository / "emotion" / "config.pbtxt"
    limit = "dynamic_batching {\n  default_queue_policy { max_queue_size: 4 }"
    config.write_text(config.read_text().replace("dynamic_batching {", limit))
    with (
        TritonServer(repository, address=FREE_PORTS) as server,
        InferenceServerClient(server.address.url) as triton,
    ):
        request = ids_inputs([[101] * 128] * 64)
        order = []

        def call():
            try:
                order.append(infer(triton, "emotion", request))
            except InferenceServerException as error:
                order.append(error)

        start_all([call] * 64, at_a_time=64)
        refused = [end for end in order if isinstance(end, InferenceServerException)]
        assert 0 < len(refused) < 64
        assert all("Exceeds maximum queue size" in error.message() for error in refused)
        # At once: no refusal came after the last answers, which waited for their batches.
        assert not any(isinstance(end, InferenceServerException) for end in order[-3:])
        with EmotionClient(server.address.url) as client, pytest.raises(Overloaded):
            flood(client, triton=triton, request=request)


def test_calls_past_their_deadline_are_dropped_from_the_queue(default_repository, tmp_path):
    repository = with_checkpoint(default_repository, target=tmp_path / "repository")
    slow_down(repository / "emotion" / "1" / "model.py", by="import time; time.sleep(2)")
    num_calls = 300
    with (
        Service(repository, address=FREE_PORTS, max_wait_s=20) as server,
        EmotionClient(server.address.url, timeout_s=1) as hasty,
        EmotionClient(server.address.url) as client,
        InferenceServerClient(server.address.url) as triton,
    ):
        hasty.connect()
        client.predict("la")
        before = read_load(triton)
        ends = start_all([partial(hasty.predict, "la")] * num_calls, at_a_time=num_calls)
        assert {type(end.exception()) for end in ends} == {DeadlineExceeded}
        client.predict("la")
        # At most 128 rows were with Triton, and some of serve.py's own; the others waited.
        assert (read_load(triton) - before).num_rows <= 2 * 64 + 20


def slow_down(model, *, by):
    """Inserts a line of Python before the code with which a model answers."""
    anchor = '"""Answers each request; a bad one gets an error and does not affect the others."""\n'
    code = model.read_text()
    assert anchor in code
    model.write_text(code.replace(anchor, f"{anchor}        {by}\n"))


def flood(client, *, triton, request):
    """Asks for predictions while a load keeps the queue full, and raises the first refusal."""
    client.predict("la")
    load = [partial(infer, triton, "emotion", request)] * 48 + [partial(client.predict, "la")] * 48
    for future in start_all(load, at_a_time=96):
        if isinstance(future.exception(), EmotionError):
            raise future.exception()
