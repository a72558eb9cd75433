"""Calls of the gRPC port that cost a caller almost nothing.

gRPC's own client spends more processor time on a refusal than the server. On one machine that load
would be measured with the server's. Here requests are built before they are sent, and an answer is
looked at only as far as its end.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections import deque
from dataclasses import dataclass, field

import hpack
from emotion_client.channel import METHOD

# RFC 9113: how a connection begins, types of frames, flags, and a setting.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE = 1
MAX_STREAM = 2**31 - 1_000
POLL_S = 0.02  # calls that are due in this time start together: fewer turns, less processor time


@dataclass(frozen=True, slots=True)
class End:
    """The end of a call.

    Attributes:
        start: when it was due, as `time.monotonic` says it.
        stop: when its end was read.
        refusal: "" if it was answered, else gRPC's code and sentence, as "14 the server …".
    """

    start: float
    stop: float
    refusal: str


@dataclass
class QuickCaller:
    """Connections to a server.

    Args:
        url: "host:port".
        messages: ModelInferRequests, as bytes, sent in turn.
        timeout_s: the deadline that each call carries; nothing ends it here.
    """

    url: str
    messages: list[bytes]
    timeout_s: float
    ends: list[End] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._connections = [Connection(self.url, self.timeout_s) for _ in range(4)]
        self._num_calls = 0

    def saturate(self, *, at_a_time: int, seconds: float) -> float:
        """Keeps so many calls going; returns answers per second of the second half."""
        begin = time.monotonic()
        self.ends = []
        for _ in range(at_a_time):
            self._start(begin)
        num_before = 0
        while (now := time.monotonic()) < begin + seconds:
            for end in self._read(0.1):
                self._start(end.stop)
            if now < begin + seconds / 2:
                num_before = len(self.ends)
        self._finish()
        num = sum(not end.refusal and end.stop < begin + seconds for end in self.ends[num_before:])
        return num / (seconds / 2)

    def arrive(self, *, rate: float, seconds: float) -> list[End]:
        """Starts calls at a rate, whether others are answered or not."""
        begin = time.monotonic()
        self.ends = []
        num = 0
        while (passed := time.monotonic() - begin) < seconds:
            for i in range(num, int(passed * rate)):
                self._start(begin + i / rate)
            num = int(passed * rate)
            self._read(POLL_S)
        self._finish()
        return self.ends

    def close(self) -> None:
        for each in self._connections:
            each.socket.close()

    def _start(self, due: float) -> None:
        message = self.messages[self._num_calls % len(self.messages)]
        self._connections[self._num_calls % len(self._connections)].start(message, due)
        self._num_calls += 1

    def _read(self, timeout_s: float) -> list[End]:
        for each in self._connections:
            each.send()
        found = []
        ready, _, _ = select.select([each.socket for each in self._connections], [], [], timeout_s)
        for each in self._connections:
            if each.socket in ready:
                found += each.read()
        self.ends += found
        return found

    def _finish(self) -> None:
        give_up = time.monotonic() + self.timeout_s + 5
        while any(each.due for each in self._connections):
            assert time.monotonic() < give_up, "calls without an end"
            self._read(0.1)


class Connection:
    """One connection: HTTP/2 as far as unary calls to a well-behaved server need it."""

    def __init__(self, url: str, timeout_s: float) -> None:
        host, port = url.split(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due: dict[int, float] = {}
        self._answered: set[int] = set()
        self._waiting: deque[tuple[bytes, float]] = deque()
        self._stream = 1
        self._window = 65_535
        self._refusals: dict[bytes, str] = {}
        self._headers = build_headers(url, timeout_s)
        self._out = bytearray(PREFACE)
        settings = struct.pack(">HI", HEADER_TABLE_SIZE, 0)  # each block can be read alone
        self._out += to_frame(SETTINGS, 0, 0, settings)
        self._out += to_frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 2**31 - 1 - 65_535))
        self._in = b""

    def start(self, message: bytes, due: float) -> None:
        self._waiting.append((message, due))

    def send(self) -> None:
        while self._waiting and self._window >= len(self._waiting[0][0]) + 5:
            message, due = self._waiting.popleft()
            assert self._stream < MAX_STREAM
            self._out += to_frame(HEADERS, END_HEADERS, self._stream, self._headers)
            body = struct.pack(">BI", 0, len(message)) + message
            assert len(body) <= 2**14
            self._out += to_frame(DATA, END_STREAM, self._stream, body)
            self._window -= len(body)
            self.due[self._stream] = due
            self._stream += 2
        self.socket.sendall(self._out)
        self._out.clear()

    def read(self) -> list[End]:
        received = self.socket.recv(2**20)
        assert received, "the server closed the connection"
        now = time.monotonic()
        data, at, ends = self._in + received, 0, []
        while len(data) >= at + 9:
            size = int.from_bytes(data[at : at + 3], "big")
            if len(data) < at + 9 + size:
                break
            kind, flags = data[at + 3], data[at + 4]
            stream = int.from_bytes(data[at + 5 : at + 9], "big")
            payload = data[at + 9 : at + 9 + size]
            at += 9 + size
            if kind == HEADERS and flags & END_STREAM:
                ends.append(End(self.due.pop(stream), now, self._explain(payload)))
            elif kind == SETTINGS and not flags & ACK:
                self._out += to_frame(SETTINGS, ACK, 0, b"")
            elif kind == PING and not flags & ACK:
                self._out += to_frame(PING, ACK, 0, payload)
            elif kind == WINDOW_UPDATE and stream == 0:
                self._window += int.from_bytes(payload, "big")
            assert kind not in (RST_STREAM, GOAWAY), payload
        self._in = data[at:]
        return ends

    def _explain(self, block: bytes) -> str:
        if block not in self._refusals:
            headers = dict(hpack.Decoder().decode(block))
            code, sentence = headers["grpc-status"], headers.get("grpc-message", "")
            self._refusals[block] = "" if code == "0" else f"{code} {sentence}"
        return self._refusals[block]


def build_headers(url: str, timeout_s: float) -> bytes:
    """Returns the block of a call's headers; all of them literal, so that it fits every call."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": METHOD,
        ":authority": url,
        "te": "trailers",
        "content-type": "application/grpc",
        "grpc-timeout": f"{1000 * timeout_s:.0f}m",
    }
    pairs = [(key.encode(), value.encode()) for key, value in headers.items()]
    return b"".join(
        b"\0" + bytes([len(key)]) + key + bytes([len(value)]) + value for key, value in pairs
    )


def to_frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload
