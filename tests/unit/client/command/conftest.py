"""The command with a service that is a small class."""

from __future__ import annotations

import pytest
from emotion_client.command import connection
from fake_client import Client, Service


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """Answers whatever the command asks."""
    service = Service()
    monkeypatch.setattr(Client, "service", service, raising=False)
    monkeypatch.setattr(connection, "EmotionClient", Client)
    return service


@pytest.fixture(autouse=True)
def wide_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the width of whoever runs the tests out of them."""
    monkeypatch.setenv("COLUMNS", "80")
