"""What the watcher of `scripts/serve.py` takes for a dead server."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace, TracebackType

import pytest
import serve
from emotion_client.errors import (
    DeadlineExceeded,
    EmotionError,
    Overloaded,
    ServerError,
    Unavailable,
    WrongServer,
)
from healthcheck import count_executions
from serve import MODELS, build_server, parse_args, probe, watch
from serving.address import Address
from serving.start_error import StartError
from tritonclient.utils import InferenceServerException

GOOD = None
DEAD = Unavailable("Stub process 'emotion_0_0' is not healthy.")
FULL = Overloaded("Exceeds maximum queue size")
SLOW = DeadlineExceeded("Deadline Exceeded")


class Stopped(Exception):
    """Ends the endless watch of a healthy server."""


class Server:
    """Stands in for `TritonServer` and for the connection to it.

    Args:
        rounds: what happens every few seconds: the answer to the probe (an error or None) and how
            many batches were computed so far (None: no statistics).
    """

    def __init__(self, rounds: Sequence[tuple[EmotionError | None, int | None]]) -> None:
        self.rounds: Iterator[tuple[EmotionError | None, int | None]] = iter(rounds)
        self.address = Address("127.0.0.1", 1, 2, 3)
        self.is_broken = False
        self.dies = False
        self.hung_model = ""
        self.last_words = "the last words"
        self.num_probes = 0

    def is_running(self) -> bool:
        return not self.dies

    def last_error(self) -> str:
        return self.last_words

    def describe_exit(self) -> str:
        return f"it ended with SIGSEGV; its last error: {self.last_words or 'none'}"

    def mark_broken(self) -> None:
        self.is_broken = True

    # The connection.

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def get_inference_statistics(self, model: str, *, client_timeout: float) -> SimpleNamespace:
        assert (model in serve.MODELS, client_timeout > 0) == (True, True)
        if self.num_executions is None:
            raise InferenceServerException("gone", status="StatusCode.UNAVAILABLE")
        is_hung = model == self.hung_model
        count = 1 if is_hung else self.num_executions
        return SimpleNamespace(model_stats=[SimpleNamespace(execution_count=count)])

    # What the watch does between.

    def sleep(self, seconds: float) -> None:
        assert seconds == serve.WATCH_INTERVAL_S
        try:
            self.answer, self.num_executions = next(self.rounds)
        except StopIteration:
            raise Stopped from None

    def check(self, connection: Server, *, url: str, timeout_s: float) -> None:
        assert connection is self
        assert (url, timeout_s) == ("127.0.0.1:2", serve.WATCH_TIMEOUT_S)
        self.num_probes += 1
        if self.answer is not None:
            raise self.answer


def run_watch(server: Server, *, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """Returns what `watch` returns, None where it watches on after the last round."""
    monkeypatch.setattr(serve.time, "sleep", server.sleep)
    monkeypatch.setattr(serve, "check", server.check)
    monkeypatch.setattr(serve, "InferenceServerClient", lambda url: server)
    try:
        return watch(server)  # type: ignore[arg-type]
    except Stopped:
        return None


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param([(DEAD, 1)] * 3, id="three-failures"),
        pytest.param([(GOOD, 1), (DEAD, 1), (DEAD, 1), (DEAD, 1)], id="after-a-success"),
        pytest.param([(DEAD, 1), (SLOW, 1), (FULL, 1)], id="of-several-kinds"),
        pytest.param([(GOOD, 9), (FULL, 9), (FULL, 9), (FULL, 9)], id="overloaded-and-idle"),
        pytest.param([(GOOD, 9), (SLOW, 9), (SLOW, 9), (SLOW, 9)], id="no-answer-and-idle"),
        pytest.param([(DEAD, 5), (DEAD, 6), (DEAD, 7)], id="dead-stub-though-batches-ran"),
        pytest.param([(GOOD, 9), *[(SLOW, None)] * 3], id="no-answer-and-no-statistics"),
        pytest.param(
            [(GOOD, 9), (SLOW, None), (SLOW, 9), (SLOW, None), (SLOW, 9)],
            id="no-answer-and-statistics-now-and-then",
        ),
    ],
)
def test_watch_three_failures_in_a_row_are_the_end(
    rounds: list[tuple[EmotionError | None, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(rounds)
    assert run_watch(server, monkeypatch=monkeypatch) == 1
    assert server.is_broken


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param([(GOOD, i) for i in range(9)], id="healthy"),
        pytest.param([(DEAD, 1), (DEAD, 1), (GOOD, 1)] * 3, id="a-success-between"),
        pytest.param([(FULL, i) for i in range(1, 9)], id="overloaded-while-busy"),
        pytest.param([(SLOW, i) for i in range(1, 9)], id="no-answer-while-busy"),
        pytest.param(
            [(GOOD, 1), (SLOW, 1), (SLOW, 1), (SLOW, 2), (SLOW, 2), (SLOW, 2), (GOOD, 3)],
            id="progress-now-and-then",
        ),
    ],
)
def test_watch_server_that_lives_is_watched_on(
    rounds: list[tuple[EmotionError | None, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(rounds)
    assert run_watch(server, monkeypatch=monkeypatch) is None
    assert not server.is_broken
    assert server.num_probes == len(rounds)


@pytest.mark.parametrize("model", MODELS)
def test_watch_one_hung_model_is_the_end_though_the_others_are_busy(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server([(SLOW, i) for i in range(1, 9)])
    server.hung_model = model
    assert run_watch(server, monkeypatch=monkeypatch) == 1
    assert server.num_probes == 4  # one while the first counts come in, then three failures


def test_watch_process_that_died_without_a_word_is_the_end_with_its_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server([(GOOD, 1)])
    server.dies, server.last_words = True, ""
    assert run_watch(server, monkeypatch=monkeypatch) == 1
    assert "Triton died: it ended with SIGSEGV" in capsys.readouterr().err


def test_watch_process_that_died_is_the_end_with_its_last_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = Server([(GOOD, 1)])
    server.dies = True
    assert run_watch(server, monkeypatch=monkeypatch) == 1
    assert server.num_probes == 0
    assert capsys.readouterr().err == (
        "serve: Triton died: it ended with SIGSEGV; its last error: the last words\n"
    )


@pytest.mark.parametrize("is_busy", [True, False])
@pytest.mark.parametrize(
    ("error", "is_forgiven"),
    [
        pytest.param(FULL, True, id="overloaded"),
        pytest.param(SLOW, True, id="no-answer"),
        pytest.param(DEAD, False, id="unavailable"),
        pytest.param(ServerError("failed"), False, id="failed"),
        pytest.param(WrongServer("unknown model"), False, id="wrong-server"),
    ],
)
def test_probe_error_of_load_is_forgiven_a_busy_server(
    error: EmotionError, is_forgiven: bool, is_busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(connection: object, *, url: str, timeout_s: float) -> None:
        raise error

    monkeypatch.setattr(serve, "check", check)
    expected = None if is_forgiven and is_busy else error
    assert probe(object(), url="host:1", is_busy=is_busy) is expected  # type: ignore[arg-type]


def test_probe_answer_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "check", lambda connection, *, url, timeout_s: None)
    assert probe(object(), url="host:1", is_busy=False) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(("num_executions", "expected"), [(7, 7), (None, -1)], ids=["says", "not"])
def test_count_executions_no_statistics_is_minus_one(
    num_executions: int | None, expected: int
) -> None:
    server = Server([])
    server.num_executions = num_executions
    assert count_executions(server, model="emotion") == expected  # type: ignore[arg-type]


def test_build_server_options_reach_triton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = tmp_path / "key"
    key.write_text("0123456789abcdef\n")
    monkeypatch.setattr(sys, "argv", ["serve", f"--admin-key-file={key}", "--latency-summaries"])
    server = build_server(parse_args())
    assert (server.admin_key, server.has_summaries) == ("0123456789abcdef", True)
    assert server.admin_key not in repr(server)


def test_build_server_by_default_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["serve"])
    server = build_server(parse_args())
    assert (server.admin_key, server.has_summaries) == ("", False)


def test_build_server_file_without_a_key_stops_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").touch()
    monkeypatch.setattr(sys, "argv", ["serve", f"--admin-key-file={tmp_path / 'key'}"])
    with pytest.raises(StartError, match="--admin-key-file"):
        build_server(parse_args())
