"""Fixtures of several unit tests: checkpoints, built once per session, and fake servers."""

import re
import signal
from contextlib import ExitStack
from functools import cache

import pytest
import torch
from emotion_command.signals import SIGNALS
from emotion_training.checkpoint.prepare import prepare
from fake_server import FakeServer

from checkpoints import LABELS, MAX_LENGTH, build_checkpoint


@pytest.fixture(autouse=True)
def one_thread():
    """Keeps torch at one thread, whatever the test before this one asked for.

    Small models only wait for a second thread, and sums differ in their last bit with two.
    """
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def signals():
    """Restores the handlers that a command replaces."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def source_of(tmp_path_factory):
    """Returns the source folder of a kind, as transformers writes it."""
    folder = tmp_path_factory.mktemp("sources")
    return cache(lambda kind: build_checkpoint(folder / kind, kind=kind))


@pytest.fixture(scope="session")
def prepared_of(tmp_path_factory, source_of):
    """Returns the folder that scripts/prepare_model.py writes for a kind."""
    folder = tmp_path_factory.mktemp("prepared")

    def prepare_kind(kind):
        prepare(str(source_of(kind)), target=folder / kind)
        return folder / kind

    return cache(prepare_kind)


@pytest.fixture(scope="session")
def read_tokenizer(prepared_of):
    """Returns the tokenizer.json of a kind of checkpoint."""
    return lambda kind: (prepared_of(kind) / "tokenizer.json").read_text(encoding="utf-8")


@pytest.fixture
def start_server(read_tokenizer):
    """Starts fake servers; at the end of the test, no caller may have violated the contract."""
    with ExitStack() as stack:
        servers = []

        def start(kind="bert", **options):
            document = read_tokenizer(kind)
            settings = {"labels": LABELS, "max_length": MAX_LENGTH, **options}
            server = FakeServer(tokenizer_json=document, **settings)
            servers.append(stack.enter_context(server))
            return server

        yield start
    assert [server.violations for server in servers] == [[]] * len(servers)


@pytest.fixture(scope="session")
def read_drawn_tree():
    """Returns child to parent of the tree drawn at the top of an errors file."""

    def read(module):
        parents, path = {}, []
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
