"""From host names to IP addresses, with a timeout."""

from __future__ import annotations

import asyncio
import socket
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from emotion_client.addresses import split_url

NO_NAME = "not a valid host name"  # a label is empty or has more than 63 characters


def look_up(url: str, *, timeout_s: float) -> list[str]:
    """Returns the IP addresses of a host.

    Args:
        url: "host:port".
        timeout_s: seconds to wait. The system call cannot be stopped; it goes on in a daemon
            thread, which does not keep the program alive.

    Raises:
        OSError: there are none, or there is no answer in time.
    """
    answers: SimpleQueue[Any] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(*split_url(url), type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    Thread(target=ask, daemon=True, name="emotion-lookup").start()
    try:
        answer = answers.get(timeout=timeout_s)
    except Empty:
        raise TimeoutError(f"no answer within {timeout_s:.1f} s") from None
    if isinstance(answer, UnicodeError):
        raise OSError(NO_NAME) from answer
    if isinstance(answer, OSError):
        raise answer
    return _ips(answer)


async def look_up_async(url: str, *, timeout_s: float) -> list[str]:
    """Returns the IP addresses of a host, like `look_up`."""
    loop = asyncio.get_running_loop()
    answer = loop.getaddrinfo(*split_url(url), type=socket.SOCK_STREAM)
    try:
        return _ips(await asyncio.wait_for(answer, timeout_s))
    except TimeoutError:
        raise TimeoutError(f"no answer within {timeout_s:.1f} s") from None
    except UnicodeError as error:
        raise OSError(NO_NAME) from error


def _ips(found: list[Any]) -> list[str]:
    return [entry[4][0] for entry in found]
