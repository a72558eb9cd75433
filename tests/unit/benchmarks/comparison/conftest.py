"""Peers of the standard library, and laps that were not run."""

from pathlib import Path

import pytest
from emotion_benchmarks.comparison.exchange import plain_text
from emotion_benchmarks.comparison.peers import Peer
from emotion_benchmarks.comparison.result import Outcome, ServerLap

FAKE = Path(__file__).resolve().parents[3] / "fakes" / "fake_peer.py"


def build_peer(key="fake", *options, form="tuned"):
    """A server that gives every text the same answer."""
    command = ("{python}", str(FAKE), "--port={port}", *options)
    return Peer(key, key.title(), form, command, plain_text("/"))


def build_lap(rate, *, latency_s=0.5, caller_cpu_s=1.0, machine_cpu_s=16.5, **checked):
    """A lap of ten seconds."""
    return ServerLap(
        num_texts=int(10 * rate),
        wall_s=10.0,
        caller_cpu_s=caller_cpu_s,
        latencies_s=(latency_s,) * int(10 * rate),
        server_cpu_s=15.0,
        machine_cpu_s=machine_cpu_s,
        memory_bytes=512 * 2**20,
        **checked,
    )


@pytest.fixture
def make_outcome():
    def make(key, rate=None, *, form="tuned", error=None, **options):
        laps = () if rate is None else (build_lap(rate, **options),)
        return Outcome(build_peer(key, form=form), laps, error)

    return make


@pytest.fixture
def make_peer():
    return build_peer


@pytest.fixture
def make_lap():
    return build_lap
