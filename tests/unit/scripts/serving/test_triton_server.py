"""Repository and log of a Triton that is not started here."""

from __future__ import annotations

import shutil
import signal
from collections import deque
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import triton_server
from serving.address import Address
from serving.start_error import StartError
from serving.triton_server import TritonServer, check_repository, is_error, signals_ignored

ERROR = "E1122 09:13:40.123456 1234 model_lifecycle.cc:642] \"failed to load 'emotion'\"\n"
CUDA_ERROR = (
    "E1122 09:13:40.123456 1234 cuda_driver_helper.cc:20] "
    '"CudaDriverHelper has not been initialized."\n'
)


@pytest.fixture
def repository(tmp_path: Path, prepared_of: Callable[[str], Path]) -> Path:
    shutil.copytree(prepared_of("bert"), tmp_path / "emotion" / "1" / "checkpoint")
    (tmp_path / "emotion" / "config.pbtxt").touch()
    return tmp_path


def test_check_repository_prepared_one_is_taken(repository: Path) -> None:
    check_repository(repository)


def test_check_repository_without_checkpoint_is_refused(repository: Path) -> None:
    checkpoint = repository / "emotion" / "1" / "checkpoint"
    shutil.rmtree(checkpoint)
    with pytest.raises(StartError, match=rf"{checkpoint} is missing; run `make prepare`"):
        check_repository(repository)


@pytest.mark.parametrize(
    "name", ["config.json", "labels.txt", "model.safetensors", "tokenizer.json"]
)
def test_check_repository_checkpoint_without_a_file_names_it(repository: Path, name: str) -> None:
    (repository / "emotion" / "1" / "checkpoint" / name).unlink()
    with pytest.raises(StartError, match=rf"{name} is missing; run scripts/prepare_model\.py"):
        check_repository(repository)


def test_check_repository_config_that_is_no_object_is_refused(repository: Path) -> None:
    (repository / "emotion" / "1" / "checkpoint" / "config.json").write_text("[]")
    with pytest.raises(StartError, match=r"config\.json is no JSON object"):
        check_repository(repository)


def test_check_repository_other_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"emotion/config\.pbtxt is missing; give the model"):
        check_repository(tmp_path)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(ERROR, True, id="error"),
        pytest.param("F" + ERROR[1:], True, id="fatal"),
        pytest.param("W" + ERROR[1:], False, id="warning"),
        pytest.param("I" + ERROR[1:], False, id="information"),
        pytest.param("  at line 3 of model.py\n", False, id="continuation"),
        pytest.param("Error: nothing of Triton's\n", False, id="another-format"),
        pytest.param("", False, id="empty"),
    ],
)
def test_is_error_severity_decides(line: str, expected: bool) -> None:
    assert is_error(line) is expected


@pytest.mark.parametrize("has_gpu", [True, False])
def test_is_error_missing_cuda_matters_only_where_a_gpu_is(
    has_gpu: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = tmp_path / "nvidiactl"
    if has_gpu:
        device.touch()
    monkeypatch.setattr(triton_server, "GPU_DEVICE", device)
    assert is_error(CUDA_ERROR) is has_gpu
    assert is_error(ERROR)


def test_server_scratch_that_cannot_be_written_says_what_to_do(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_server.tempfile, "gettempdir", lambda: str(tmp_path / "nowhere"))
    server = TritonServer(repository, address=Address("127.0.0.1", 0, 0, 0))
    with pytest.raises(StartError, match=r"cannot write .*nowhere.*; free space there"), server:
        pass


def test_signals_ignored_puts_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with signals_ignored():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGINT) is before


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
def test_last_error_is_the_cause_in_one_line(
    repository: Path, lines: list[str], expected: str
) -> None:
    server = TritonServer(repository)
    server._log = deque(lines)
    assert server.last_error() == expected


def test_options_lock_the_administrative_calls_with_a_key_that_nobody_knows(
    repository: Path,
) -> None:
    locks = [read_lock(TritonServer(repository)) for _ in range(2)]
    assert locks[0] != locks[1]
    assert read_lock(TritonServer(repository, admin_key="0123456789abcdef")) == "0123456789abcdef"


def read_lock(server: TritonServer) -> str:
    """Returns the key that Triton is started with, the same for both ports."""
    server._prefix = "emotion-0-"
    grpc, http = (option for option in server._options() if "restricted" in option)
    assert grpc.split("=", 1)[1] == http.split("=", 1)[1]
    return grpc.rsplit("=", 1)[1]
