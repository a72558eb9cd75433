"""A server that misbehaves when told to, and a client of either kind for it."""

import pytest


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def client(open_client, server):
    return open_client(server.url)
