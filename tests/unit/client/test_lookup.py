"""From host names to IP addresses, with a timeout."""

import asyncio
import socket
import threading

import pytest
from emotion_client.lookup import look_up, look_up_async


def look_up_awaited(url, *, timeout_s):
    return asyncio.run(look_up_async(url, timeout_s=timeout_s))


@pytest.fixture(params=[look_up, look_up_awaited], ids=["sync", "async"])
def look(request):
    return request.param


def test_look_up_localhost_has_the_loopback_address(look):
    assert "127.0.0.1" in look("localhost:8001", timeout_s=5)


def test_look_up_unknown_name_is_an_error(look):
    with pytest.raises(OSError, match=r".+"):
        look("no-such-host.invalid:8001", timeout_s=5)


def test_look_up_silent_name_server_is_a_timeout(look, monkeypatch):
    is_over = threading.Event()

    def hang(*args, **options):
        is_over.wait(2)

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    threading.Timer(0.5, is_over.set).start()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.1 s"):
        look("slow.example:8001", timeout_s=0.1)
