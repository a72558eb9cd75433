"""Servers that are no servers, and laps that nobody ran."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from comparison.closed_loop import Load
from comparison.exchange import plain_text
from comparison.figures import Lap, Outcome
from comparison.peer import Form, Peer

FAKE = Path(__file__).resolve().parents[3] / "fakes" / "fake_peer.py"


def build_peer(key: str = "fake", *options: str, form: Form = "tuned") -> Peer:
    """A server of the standard library, which gives every text the same answer."""
    command = ("{python}", str(FAKE), "--port={port}", *options)
    return Peer(key, key.title(), form, command, plain_text("/"))


def build_lap(rate: float, *, num_wrong: int = 0, latency_s: float = 0.5) -> Lap:
    """A lap of ten seconds."""
    load = Load(
        wall_s=10.0,
        latencies_s=(latency_s,) * int(10 * rate),
        server_cpu_s=15.0,
        caller_cpu_s=1.0,
        machine_cpu_s=16.5,
    )
    return Lap(load, memory_bytes=512 * 2**20, num_wrong=num_wrong)


@pytest.fixture
def make_outcome() -> Callable[..., Outcome]:
    def make(key: str, *rates: float, form: Form = "tuned", error: str | None = None) -> Outcome:
        return Outcome(build_peer(key, form=form), tuple(map(build_lap, rates)), error)

    return make


@pytest.fixture
def make_peer() -> Callable[..., Peer]:
    return build_peer


@pytest.fixture
def make_lap() -> Callable[..., Lap]:
    return build_lap


@pytest.fixture
def python() -> Path:
    return Path(sys.executable)
