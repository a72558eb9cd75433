"""A server that misbehaves when told to, and a client of either kind that asks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fake_server import FakeServer

from checkpoints import LABELS, MAX_LENGTH

StartServer = Callable[..., FakeServer]
OpenClient = Callable[..., Any]


@pytest.fixture(scope="session")
def read_tokenizer(prepared_of: Callable[[str], Path]) -> Callable[[str], str]:
    """Returns the tokenizer.json of a kind of checkpoint."""
    return lambda kind: (prepared_of(kind) / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture
def start_server(read_tokenizer: Callable[[str], str]) -> Iterator[StartServer]:
    """Starts fake servers, whose callers kept the contract at the end of the test."""
    with ExitStack() as stack:
        servers: list[FakeServer] = []

        def start(kind: str = "bert", **options: Any) -> FakeServer:
            document = read_tokenizer(kind)
            settings = {"labels": LABELS, "max_length": MAX_LENGTH, **options}
            server = FakeServer(tokenizer_json=document, **settings)
            servers.append(stack.enter_context(server))
            return server

        yield start
    assert [server.violations for server in servers] == [[]] * len(servers)


@pytest.fixture
def server(start_server: StartServer) -> FakeServer:
    return start_server()


@pytest.fixture
def client(open_client: OpenClient, server: FakeServer) -> Any:
    return open_client(server.url)
