"""The command with a fake client."""

import pytest
from emotion_client.cli import options
from fake_client import Client, Service


@pytest.fixture
def service(monkeypatch):
    """Answers what the command asks."""
    service = Service()
    monkeypatch.setattr(Client, "service", service, raising=False)
    monkeypatch.setattr(options, "EmotionClient", Client)
    return service


@pytest.fixture(autouse=True)
def wide_screen(monkeypatch):
    """Makes tests independent of the terminal they run in."""
    monkeypatch.setenv("COLUMNS", "80")
