"""Repository, log, options and end of a Triton; no real one is started."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from types import SimpleNamespace

import pytest
from emotion_command import signals
from emotion_command.signals import Interruption
from emotion_server import scratch, triton_server
from emotion_server.address import FREE_PORTS
from emotion_server.errors import StartError
from emotion_server.scratch import Scratch
from emotion_server.triton_server import TritonServer, check_repository, is_error

ERROR = "E1122 09:13:40.123456 1234 model_lifecycle.cc:642] \"failed to load 'emotion'\"\n"
CUDA_ERROR = (
    "E1122 09:13:40.123456 1234 cuda_driver_helper.cc:20] "
    '"CudaDriverHelper has not been initialized."\n'
)


@pytest.fixture
def repository(tmp_path, prepared_of):
    shutil.copytree(prepared_of("bert"), tmp_path / "emotion" / "1" / "checkpoint")
    (tmp_path / "emotion" / "config.pbtxt").touch()
    return tmp_path


@pytest.fixture
def stubborn(repository, monkeypatch):
    """A server whose process ignores SIGTERM."""
    server = TritonServer(repository)
    server._scratch, server._is_broken, server._reader = Scratch(), False, None
    command = ["sh", "-c", "trap '' TERM; echo trapped; while :; do sleep 1; done"]
    server._process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with server._process.stdout as output:
        assert output.readline() == "trapped\n"
        yield server
    assert server._process.poll() == -signal.SIGKILL


def test_check_repository_prepared_one_is_accepted(repository):
    check_repository(repository)


def test_check_repository_without_checkpoint_is_refused(repository):
    checkpoint = repository / "emotion" / "1" / "checkpoint"
    shutil.rmtree(checkpoint)
    with pytest.raises(StartError, match=rf"{checkpoint} is missing; run `make prepare`"):
        check_repository(repository)


@pytest.mark.parametrize(
    "name", ["config.json", "labels.txt", "model.safetensors", "tokenizer.json"]
)
def test_check_repository_checkpoint_without_a_file_names_it(repository, name):
    (repository / "emotion" / "1" / "checkpoint" / name).unlink()
    with pytest.raises(StartError, match=rf"{name} is missing; run scripts/prepare_model\.py"):
        check_repository(repository)


def test_check_repository_broken_checkpoint_is_refused(repository):
    (repository / "emotion" / "1" / "checkpoint" / "config.json").write_text("[]")
    sentence = r"checkpoint cannot be served: checkpoint file config\.json has changed since"
    with pytest.raises(StartError, match=sentence):
        check_repository(repository)


def test_check_repository_other_folder_is_refused(tmp_path):
    with pytest.raises(StartError, match=r"emotion/config\.pbtxt is missing; expected a repos"):
        check_repository(tmp_path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(ERROR, True, id="error"),
        pytest.param("F" + ERROR[1:], True, id="fatal"),
        pytest.param("W" + ERROR[1:], False, id="warning"),
        pytest.param("I" + ERROR[1:], False, id="information"),
        pytest.param("  at line 3 of model.py\n", False, id="continuation"),
        pytest.param("Error: not in Triton's format\n", False, id="another-format"),
        pytest.param("", False, id="empty"),
    ],
)
def test_is_error_severity_decides(line, expected):
    assert is_error(line) is expected


@pytest.mark.parametrize("has_gpu", [True, False])
def test_is_error_missing_cuda_matters_only_with_a_gpu(has_gpu, tmp_path, monkeypatch):
    device = tmp_path / "nvidiactl"
    if has_gpu:
        device.touch()
    monkeypatch.setattr(triton_server, "GPU_DEVICE", device)
    assert is_error(CUDA_ERROR) is has_gpu
    assert is_error(ERROR)


def test_find_dead_model_watches_every_instance(repository, monkeypatch):
    lines = ("stub /r/emotion/1/model.py x", "stub /r/emotion_info/1/model.py x", "other")
    server = TritonServer(repository)
    server._process = SimpleNamespace(pid=1)
    with subprocess.Popen(["sleep", "60"]) as one, subprocess.Popen(["sleep", "60"]) as two:
        found = {one.pid: lines[0], two.pid: lines[0], os.getpid(): lines[1], 2: lines[2]}
        monkeypatch.setattr(triton_server, "find_children", lambda _: found)
        server.models = server._find_models()
        assert server.models == {"emotion": [one.pid, two.pid], "emotion_info": [os.getpid()]}
        assert server.find_dead_model() is None
        one.kill()
        one.wait()
        assert server.find_dead_model() == "emotion"
        two.kill()


def test_server_scratch_that_cannot_be_written_says_what_to_do(repository, tmp_path, monkeypatch):
    monkeypatch.setattr(scratch, "find_temporary_folder", lambda: tmp_path / "nowhere")
    server = TritonServer(repository, address=FREE_PORTS)
    with pytest.raises(StartError, match=r"cannot write .*nowhere.*; free space there"), server:
        pass


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param([ERROR], "failed to load 'emotion'", id="one"),
        pytest.param(
            [ERROR, ERROR.replace("failed to load", "ensemble of")],
            "failed to load 'emotion'",
            id="cause-before-consequence",
        ),
        pytest.param(
            [ERROR.replace("'emotion'", "'emotion': bad\\n\\nAt:\\n  /x/model.py(3)")],
            "failed to load 'emotion': bad",
            id="python-trace",
        ),
    ],
)
def test_last_error_is_the_cause_in_one_line(repository, lines, expected):
    server = TritonServer(repository)
    server._log, server._scratch = deque(lines), Scratch()
    assert server.last_error() == expected


@pytest.mark.parametrize(
    ("code", "lines", "expected"),
    [
        (-11, [], "it ended with SIGSEGV; its last error: none"),
        (0, [], "it ended with code 0; its last error: none"),
        (1, [ERROR], "it ended with code 1; its last error: failed to load 'emotion'"),
    ],
)
def test_describe_exit_has_signal_or_code_and_the_last_error(repository, code, lines, expected):
    server = TritonServer(repository)
    server._log, server._process = deque(lines), SimpleNamespace(poll=lambda: code)
    server._scratch = Scratch()
    assert server.describe_exit() == expected


def test_options_lock_the_administrative_calls_with_a_random_key_or_the_given_one(repository):
    locks = [read_lock(TritonServer(repository)) for _ in range(2)]
    assert locks[0] != locks[1]
    assert read_lock(TritonServer(repository, admin_key="0123456789abcdef")) == "0123456789abcdef"


def test_stop_second_ctrl_c_skips_the_wait(stubborn, monkeypatch):
    monkeypatch.setattr(signals, "QUIET_S", 0.1)
    Interruption().install()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    start = time.monotonic()
    stubborn.stop()
    assert 0.2 < time.monotonic() - start < 5


def test_stop_broken_server_is_not_waited_for(stubborn):
    stubborn.mark_broken()
    start = time.monotonic()
    stubborn.stop()
    assert time.monotonic() - start < 5


def read_lock(server):
    """Returns the key that Triton is started with, the same for both ports."""
    server._scratch = Scratch()
    grpc, http = (option for option in server._options() if "restricted" in option)
    assert grpc.split("=", 1)[1] == http.split("=", 1)[1]
    return grpc.rsplit("=", 1)[1]
