"""A server that misbehaves when told to, and a client of either kind that asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fake_server import FakeServer


@pytest.fixture
def server(start_server: Callable[..., FakeServer]) -> FakeServer:
    return start_server()


@pytest.fixture
def client(open_client: Callable[..., Any], server: FakeServer) -> Any:
    return open_client(server.url)
