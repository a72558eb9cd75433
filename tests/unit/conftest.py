"""What several unit tests share: checkpoints, built once a session, and fake servers."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import prepare_model
import pytest
import torch
from emotion_client.command.interruption import SIGNALS
from fake_server import FakeServer

from checkpoints import LABELS, MAX_LENGTH, build_checkpoint


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only wait for their second thread, seconds on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Puts back the handlers that a command replaces."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def source_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the source folder of a kind, as transformers writes it."""
    folder = tmp_path_factory.mktemp("sources")
    return cache(lambda kind: build_checkpoint(folder / kind, kind=kind))


@pytest.fixture(scope="session")
def prepared_of(
    tmp_path_factory: pytest.TempPathFactory, source_of: Callable[[str], Path]
) -> Callable[[str], Path]:
    """Returns the folder that scripts/prepare_model.py makes of a kind."""
    folder = tmp_path_factory.mktemp("prepared")

    def prepare(kind: str) -> Path:
        prepare_model.prepare(str(source_of(kind)), target=folder / kind)
        return folder / kind

    return cache(prepare)


@pytest.fixture(scope="session")
def read_tokenizer(prepared_of: Callable[[str], Path]) -> Callable[[str], str]:
    """Returns the tokenizer.json of a kind of checkpoint."""
    return lambda kind: (prepared_of(kind) / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture
def start_server(read_tokenizer: Callable[[str], str]) -> Iterator[Callable[..., FakeServer]]:
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


@pytest.fixture(scope="session")
def read_drawn_tree() -> Callable[[ModuleType], dict[str, str]]:
    """Returns child to parent of the tree drawn at the top of an errors file."""

    def read(module: ModuleType) -> dict[str, str]:
        parents: dict[str, str] = {}
        path: list[str] = []
        for line in (module.__doc__ or "").splitlines():
            branch = re.match(r"((?:│   |    )*)[├└]── (\w+)", line)
            if branch:
                depth = len(branch[1]) // 4 + 1
                path[depth:] = [branch[2]]
                parents[branch[2]] = path[depth - 1]
            elif re.fullmatch(r"\w+", line):
                path = [line]
        return parents

    return read
