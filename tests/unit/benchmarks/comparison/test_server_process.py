"""A server from its start until nothing of it is left."""

import asyncio
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from emotion_benchmarks.comparison import server_process
from emotion_benchmarks.comparison.asking import connect, wait_until_ready
from emotion_benchmarks.comparison.exchange import Answer, text_field
from emotion_benchmarks.comparison.peers import Peer, PeerError
from emotion_benchmarks.comparison.process_cost import list_tree
from emotion_benchmarks.comparison.server_process import choose_cause, run_server


def run(peer):
    job = SimpleNamespace(repository=Path("nowhere"), dtype="float32", num_workers=1)
    return run_server(peer, python=Path(sys.executable), job=job)


async def ask_once(peer, server, *, timeout_s=20.0):
    async with connect(peer, server=server) as ask:
        await wait_until_ready(ask, text="la", server=server, timeout_s=timeout_s)
        return await ask("la")


def test_server_answers_and_is_gone_afterwards(make_peer):
    peer = make_peer("fake", "--label=fear")
    with run(peer) as server:
        assert asyncio.run(ask_once(peer, server)) == Answer("fear", 0.9)
        assert server.place.scratch.is_dir()
    assert list_tree(server.process.pid) == []
    assert not server.place.scratch.exists()


def test_server_that_ends_says_why(make_peer):
    peer = make_peer("fake", "--fail")
    sentence = "code 1: RuntimeError: there is no model here"
    with pytest.raises(PeerError, match=sentence), run(peer) as server:
        asyncio.run(ask_once(peer, server))


def test_command_that_does_not_exist_says_so():
    peer = Peer("x", "X", "tuned", ("/no/such/program",), text_field("/"))
    sentence = "cannot be started|it ended with code"
    with pytest.raises(PeerError, match=sentence), run(peer) as server:
        asyncio.run(ask_once(peer, server))


def test_server_that_never_answers_runs_out_of_time_and_is_stopped():
    deaf = Peer("x", "X", "tuned", ("sleep", "60"), text_field("/"))
    sentence = "no answer within 0 s: the connection failed"
    with pytest.raises(PeerError, match=sentence), run(deaf) as server:
        asyncio.run(ask_once(deaf, server, timeout_s=0.3))
    assert list_tree(server.process.pid) == []


def test_children_that_ignore_signals_are_gone_too(monkeypatch):
    monkeypatch.setattr(server_process, "STOP_TIMEOUT_S", 0.5)
    monkeypatch.setattr(server_process, "REST_TIMEOUT_S", 0.5)
    stubborn = Peer("x", "X", "tuned", ("sh", "-c", "trap '' INT TERM; sleep 60; true"), None)
    with run(stubborn) as server:
        while len(tree := list_tree(server.process.pid)) < 2:
            time.sleep(0.02)
    assert not [each for each in tree if each.is_running()]


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        pytest.param(["start", "ValueError: no such model", "bye"], "ValueError: no such model"),
        pytest.param(["ERROR: first", "  ERROR: last  ", ""], "ERROR: last"),
        pytest.param(["one", "two: an error", ""], "two: an error"),
        pytest.param(["fine", "no error: here", "last"], "no error: here"),
        pytest.param(["one", "two", " "], "two"),
        pytest.param([], ""),
    ],
)
def test_choose_cause_takes_the_most_telling_line(lines, cause):
    assert choose_cause(lines) == cause
