"""A server that answers at once."""

import gc

import pytest


@pytest.fixture
def fake(start_server):
    server = start_server()
    # The benches collect garbage before each lap; with torch and transformers it would take 0.3 s.
    gc.freeze()
    yield server
    gc.unfreeze()
