"""Checkpoints that several unit tests share, built once a session and never changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import prepare_model
import pytest
import torch

from checkpoints import build_checkpoint


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Models this small only wait for their second thread, seconds on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
