"""Callers of all kinds beside a server on which faults happen, and a record of every call."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from e2e.calls import ask_http
from e2e.hostile import REQUESTS, send_raw
from emotion_client import EmotionClient, EmotionError

TEXTS = ("I love you", "You left me and I weep alone", "la la la", "rain on the window " * 40)
HTTP_PATH = "/v2/models/emotion_text/infer"
NUM_BULK = 100
SHORTEST_S, LONGEST_S = 0.001, 0.05


@dataclass
class Record:
    """What became of the calls of one kind.

    Attributes:
        num_started, num_answered: calls, of which the rest failed or is going on.
        errors: their names.
        wrong: answers that were not right, and exceptions that no caller expects.
        slowest_s: the longest that a call took.
    """

    num_started: int = 0
    num_answered: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0

    @property
    def num_lost(self) -> int:
        """Calls that were started and have no end."""
        return self.num_started - self.num_answered - sum(self.errors.values()) - len(self.wrong)


class Traffic:
    """Threads that call until the end, as a context manager.

    Args:
        url: gRPC.
        relayed_url: the same server, through a relay that cuts connections.
        http_port: HTTP.
        seed: for what is drawn.

    Attributes:
        records: kind of call to its record.
    """

    def __init__(self, url: str, *, relayed_url: str, http_port: int, seed: int) -> None:
        self.url, self.http_port = url, http_port
        self.clients = [EmotionClient(url), EmotionClient(relayed_url), EmotionClient(url)]
        self.clients[2].connect()
        self.labels = {text: self.clients[0].predict(text).label for text in TEXTS}
        kinds = {
            "predict": (self._predict, 4),
            "predict through cut connections": (self._predict_relayed, 2),
            "predict_many": (self._predict_many, 1),
            "predict within 1 to 50 ms": (self._hurry, 2),
            "HTTP": (self._ask_http, 2),
            "hostile": (self._attack, 1),
        }
        self.records = {kind: Record() for kind in kinds}
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(
                target=self._call_on,
                args=[self.records[kind], act, random.Random(f"{seed} {kind} {i}")],
            )
            for kind, (act, num_threads) in kinds.items()
            for i in range(num_threads)
        ]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(120)
        for client in self.clients:
            client.close()

    def _call_on(self, record: Record, act, rng: random.Random) -> None:
        while not self._is_over.is_set():
            start = time.monotonic()
            with self._lock:
                record.num_started += 1
            try:
                error = act(rng)
            except EmotionError as raised:
                error = type(raised).__name__
            except Exception as raised:
                with self._lock:
                    record.wrong.append(repr(raised))
                continue
            with self._lock:
                record.slowest_s = max(record.slowest_s, time.monotonic() - start)
                if error is None:
                    record.num_answered += 1
                else:
                    record.errors[error] += 1
            if error is not None:
                time.sleep(0.01)

    def _check(self, text: str, label: str) -> None:
        assert label == self.labels[text], f"{label} for {text[:20]!r}"

    def _predict(self, rng: random.Random, client: EmotionClient | None = None) -> None:
        text = rng.choice(TEXTS)
        self._check(text, (client or self.clients[0]).predict(text).label)

    def _predict_relayed(self, rng: random.Random) -> None:
        self._predict(rng, self.clients[1])

    def _hurry(self, rng: random.Random) -> None:
        self.clients[2].timeout_s = rng.uniform(SHORTEST_S, LONGEST_S)
        self._predict(rng, self.clients[2])

    def _predict_many(self, rng: random.Random) -> None:
        texts = rng.choices(TEXTS, k=NUM_BULK)
        for text, prediction in zip(texts, self.clients[0].predict_many(texts), strict=True):
            self._check(text, prediction.label)

    def _ask_http(self, rng: random.Random) -> str | None:
        text = rng.choice(TEXTS)
        tensor = {"name": "text", "shape": [1, 1], "datatype": "BYTES", "data": [text]}
        try:
            status, body = ask_http(
                self.http_port, "POST", HTTP_PATH, json.dumps({"inputs": [tensor]})
            )
        except OSError:
            return "no connection"
        document = json.loads(body)
        if status != 200:
            return f"{status}: {document['error'][:40]}"
        found = {each["name"]: each["data"] for each in document["outputs"]}
        self._check(text, found["label"][0])
        return None

    def _attack(self, rng: random.Random) -> str:
        return str(send_raw(self.url, rng.choice(list(REQUESTS.values()))).name)
