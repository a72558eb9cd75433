"""Which servers the watch considers dead."""

from types import SimpleNamespace

import pytest
from emotion_client.errors import (
    DeadlineExceeded,
    Overloaded,
    ServerError,
    Unavailable,
    WrongServer,
)
from emotion_server import watch as module
from emotion_server.address import Address
from emotion_server.watch import MODELS, probe, watch
from tritonclient.utils import InferenceServerException

GOOD = None
DEAD = Unavailable("Stub process 'emotion_0_0' is not healthy.")
FULL = Overloaded("Exceeds maximum queue size")
SLOW = DeadlineExceeded("Deadline Exceeded")


class Stopped(Exception):
    """Ends the endless watch of a healthy server."""


class Server:
    """A fake of `TritonServer` and of the connection to it.

    Args:
        rounds: for each probe its result (an error or None) and how many batches were computed so
            far (None: no statistics).
    """

    def __init__(self, rounds):
        self.rounds = iter(rounds)
        self.address = Address("127.0.0.1", 1, 2, 3)
        self.is_broken = False
        self.dies = False
        self.hung_model = ""
        self.num_probes = 0

    def is_running(self):
        return not self.dies

    def describe_exit(self):
        return "it ended with SIGSEGV; its last error: none"

    def mark_broken(self):
        self.is_broken = True

    # The connection.

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass

    def get_inference_statistics(self, model, *, client_timeout):
        assert (model in MODELS, client_timeout > 0) == (True, True)
        if self.num_executions is None:
            raise InferenceServerException("gone", status="StatusCode.UNAVAILABLE")
        is_hung = model == self.hung_model
        count = 1 if is_hung else self.num_executions
        return SimpleNamespace(model_stats=[SimpleNamespace(execution_count=count)])

    # What the watch does between probes.

    def sleep(self, seconds):
        assert seconds == module.WATCH_INTERVAL_S
        try:
            self.answer, self.num_executions = next(self.rounds)
        except StopIteration:
            raise Stopped from None

    def check(self, connection, *, url, timeout_s):
        assert connection is self
        assert (url, timeout_s) == ("127.0.0.1:2", module.WATCH_TIMEOUT_S)
        self.num_probes += 1
        if self.answer is not None:
            raise self.answer


def run_watch(server, *, monkeypatch, check_interruption=lambda: None):
    """Returns the complaints of a watch that ended; None if it goes on after the last round."""
    monkeypatch.setattr(module.time, "sleep", server.sleep)
    monkeypatch.setattr(module, "check", server.check)
    monkeypatch.setattr(module, "InferenceServerClient", lambda url: server)
    complaints = []
    try:
        watch(server, complain=complaints.append, check_interruption=check_interruption)
    except Stopped:
        return None
    return complaints


@pytest.mark.parametrize(
    "rounds",
    [
        pytest.param([(DEAD, 1)] * 3, id="three-failures"),
        pytest.param([(GOOD, 1), (DEAD, 1), (DEAD, 1), (DEAD, 1)], id="after-a-success"),
        pytest.param([(DEAD, 1), (SLOW, 1), (FULL, 1)], id="of-several-kinds"),
        pytest.param([(GOOD, 9), (FULL, 9), (FULL, 9), (FULL, 9)], id="overloaded-and-idle"),
        pytest.param([(GOOD, 9), (SLOW, 9), (SLOW, 9), (SLOW, 9)], id="no-answer-and-idle"),
        pytest.param([(DEAD, 5), (DEAD, 6), (DEAD, 7)], id="dead-model-although-busy"),
        pytest.param([(GOOD, 9), *[(SLOW, None)] * 3], id="no-answer-and-no-statistics"),
        pytest.param(
            [(GOOD, 9), (SLOW, None), (SLOW, 9), (SLOW, None), (SLOW, 9)],
            id="no-answer-and-statistics-sometimes",
        ),
    ],
)
def test_watch_three_failures_in_a_row_end_it(rounds, monkeypatch):
    server = Server(rounds)
    assert run_watch(server, monkeypatch=monkeypatch)[-1] == "the models are dead; stopping Triton"
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
            id="slow-progress",
        ),
    ],
)
def test_watch_live_server_does_not_end_it(rounds, monkeypatch):
    server = Server(rounds)
    assert run_watch(server, monkeypatch=monkeypatch) is None
    assert not server.is_broken
    assert server.num_probes == len(rounds)


@pytest.mark.parametrize("model", MODELS)
def test_watch_one_hung_model_ends_it_although_the_others_are_busy(model, monkeypatch):
    server = Server([(SLOW, i) for i in range(1, 9)])
    server.hung_model = model
    assert run_watch(server, monkeypatch=monkeypatch)
    assert server.num_probes == 4  # the first one sees the first counts, then three failures


def test_watch_dead_process_is_reported_with_its_exit(monkeypatch):
    server = Server([(GOOD, 1)])
    server.dies = True
    assert run_watch(server, monkeypatch=monkeypatch) == [
        "Triton died: it ended with SIGSEGV; its last error: none"
    ]
    assert server.num_probes == 0


def test_watch_discarded_ctrl_c_ends_it(monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    server = Server([(GOOD, 1)])
    with pytest.raises(KeyboardInterrupt):
        run_watch(server, monkeypatch=monkeypatch, check_interruption=interrupt)
    assert server.num_probes == 0


@pytest.mark.parametrize("is_busy", [True, False])
@pytest.mark.parametrize(
    ("error", "is_forgiven"),
    [
        (FULL, True),
        (SLOW, True),
        (DEAD, False),
        (ServerError("failed"), False),
        (WrongServer("unknown model"), False),
    ],
)
def test_probe_ignores_errors_of_load_if_the_server_is_busy(
    error, is_forgiven, is_busy, monkeypatch
):
    def check(connection, *, url, timeout_s):
        raise error

    monkeypatch.setattr(module, "check", check)
    expected = None if is_forgiven and is_busy else error
    assert probe(object(), url="host:1", is_busy=is_busy) is expected


def test_probe_answer_is_not_an_error(monkeypatch):
    monkeypatch.setattr(module, "check", lambda connection, *, url, timeout_s: None)
    assert probe(object(), url="host:1", is_busy=False) is None
