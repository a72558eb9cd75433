"""The gRPC port in C++ (`server/native`), loaded with ctypes."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from functools import cache
from importlib.util import find_spec
from typing import Any

from emotion_server.address import join
from emotion_server.errors import StartError
from emotion_server.probe import build_messages

INTERFACE = 3
POLL_S, DRAIN_S = 0.001, 15.0
MAX_SENTENCE = 1024
HOW_TO_BUILD = "install g++ and libnghttp2-dev, then run `make -B setup`"


class _Settings(ctypes.Structure):
    _fields_ = [
        ("host", ctypes.c_char_p),
        ("port", ctypes.c_int32),
        ("triton_port", ctypes.c_int32),
        ("max_wait_s", ctypes.c_double),
    ]


class GrpcPort:
    """The gRPC port of this process; there is one at most.

    Args:
        host: address to bind.
        port: where callers connect.
        triton_port: Triton's gRPC port, on this machine.
        max_wait_s: the longest that a request waits for its turn.

    Raises:
        StartError: the library is not built, or the port is taken.
    """

    def __init__(self, host: str, port: int, *, triton_port: int, max_wait_s: float) -> None:
        self._library = load_library()
        probes = build_messages()
        code = self._library.door_open(
            ctypes.byref(_Settings(host.encode(), port, triton_port, max_wait_s)),
            (ctypes.c_char_p * len(probes))(*probes),
            (ctypes.c_size_t * len(probes))(*map(len, probes)),
        )
        if code:
            raise StartError(f"cannot listen on {join(host, port)}: {os.strerror(code)}")
        self._thread = threading.Thread(target=self._library.door_run)
        self._thread.start()

    @property
    def is_up(self) -> bool:
        """Whether all models answered when they were last asked, and no call failed since."""
        return bool(self._library.door_is_up())

    @property
    def has_started(self) -> bool:
        """Whether all models have answered at least once."""
        return bool(self._library.door_has_started())

    @property
    def num_waiting(self) -> int:
        """Requests that wait for their turn."""
        return int(self._library.door_num_waiting())

    @property
    def num_refused(self) -> int:
        """Requests so far that were refused because of too much load."""
        return int(self._library.door_num_refused())

    def switch(self, triton_port: int) -> None:
        """Sends new requests to another Triton; returns when the old one has none any more.

        It waits 15 s at most.

        Args:
            triton_port: its gRPC port, on this machine.
        """
        self._library.door_switch(triton_port)
        end = time.monotonic() + DRAIN_S
        while self._library.door_triton_port() != triton_port or (
            self._library.door_num_old() > 0 and time.monotonic() < end
        ):
            time.sleep(POLL_S)

    def stop(self, *, grace_s: float) -> None:
        """Takes no new requests, waits for those that it has, and closes the port."""
        self._library.door_stop(ctypes.c_double(grace_s))
        self._thread.join()


@cache
def load_library() -> Any:
    """Loads the library.

    Raises:
        StartError: it is not built, or of another version.
    """
    found = find_spec("emotion_server._door")
    if found is None or found.origin is None:
        raise StartError(f"the door in front of Triton is not built; {HOW_TO_BUILD}")
    try:
        library = ctypes.CDLL(found.origin)
    except OSError as error:
        raise StartError(f"the door in front of Triton cannot be loaded: {error}") from error
    library.door_num_waiting.restype = library.door_num_refused.restype = ctypes.c_size_t
    if library.door_interface() != INTERFACE:
        raise StartError("the door in front of Triton is of another version; run `make setup`")
    return library


def check_request(message: bytes) -> str:
    """Returns why the door refuses a ModelInferRequest, or ""."""
    sentence = ctypes.create_string_buffer(MAX_SENTENCE)
    load_library().door_check(message, ctypes.c_size_t(len(message)), sentence, MAX_SENTENCE)
    return sentence.value.decode()
