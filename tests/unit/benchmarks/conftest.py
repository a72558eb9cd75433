"""A server that answers at once."""

import pytest


@pytest.fixture
def fake(start_server):
    return start_server()
