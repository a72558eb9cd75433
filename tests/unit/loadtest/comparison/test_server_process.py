"""A server from its start to its end without a trace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from comparison import server_process
from comparison.answer import Answer
from comparison.callers import open_caller, wait_until_ready
from comparison.exchange import text_field
from comparison.peer import Peer
from comparison.peer_error import PeerError
from comparison.process_cost import list_tree
from comparison.server_process import ServerProcess, find_free_ports

MakePeer = Callable[..., Peer]


def open_server(peer: Peer, python: Path) -> ServerProcess:
    return ServerProcess(
        peer, python=python, repository=Path("nowhere"), dtype="float32", num_workers=1
    )


async def ask_once(peer: Peer, server: ServerProcess, *, timeout_s: float = 20.0) -> Answer:
    async with open_caller(peer, server=server) as ask:
        await wait_until_ready(ask, text="la", server=server, timeout_s=timeout_s)
        return await ask("la")


def test_server_answers_and_is_gone_afterwards(make_peer: MakePeer, python: Path) -> None:
    peer = make_peer("fake", "--label=fear")
    with open_server(peer, python) as server:
        assert asyncio.run(ask_once(peer, server)) == Answer("fear", 0.9)
        pid, scratch = server.pid, server.place.scratch
        assert scratch.is_dir()
    assert list_tree(pid) == []
    assert not scratch.exists()


def test_server_that_ends_is_named_with_its_error(make_peer: MakePeer, python: Path) -> None:
    peer = make_peer("fake", "--fail")
    with (
        open_server(peer, python) as server,
        pytest.raises(PeerError, match="code 1: RuntimeError: there is no model here"),
    ):
        asyncio.run(ask_once(peer, server))


def test_command_that_is_not_there_is_named(python: Path) -> None:
    peer = Peer("x", "X", "tuned", ("/no/such/program",), text_field("/"))
    with (
        pytest.raises(PeerError, match=r"cannot be started|it ended with code"),
        open_server(peer, python) as server,
    ):
        asyncio.run(ask_once(peer, server))


def test_server_that_never_answers_runs_out_of_time(make_peer: MakePeer, python: Path) -> None:
    peer = make_peer("fake")
    deaf = Peer("x", "X", "tuned", ("sleep", "60"), peer.exchange)
    with (
        open_server(deaf, python) as server,
        pytest.raises(PeerError, match="no answer within 0 s: the connection failed"),
    ):
        asyncio.run(ask_once(deaf, server, timeout_s=0.3))


def test_error_in_the_midst_stops_the_server(make_peer: MakePeer, python: Path) -> None:
    pids = []

    def interrupt(server: ServerProcess) -> None:
        pids.append(server.pid)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_server(make_peer(), python) as server:
        interrupt(server)
    assert list_tree(pids[0]) == []


def test_children_that_ignore_signals_are_gone_too(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "STOP_TIMEOUT_S", 0.5)
    monkeypatch.setattr(server_process, "REST_TIMEOUT_S", 0.5)
    stubborn = Peer("x", "X", "tuned", ("sh", "-c", "trap '' INT TERM; sleep 60; true"), None)
    with open_server(stubborn, python) as server:
        while len(tree := list_tree(server.pid)) < 2:
            time.sleep(0.02)
    assert not [each for each in tree if each.is_running()]


def test_free_ports_differ() -> None:
    ports = find_free_ports(3)
    assert len(set(ports)) == 3
