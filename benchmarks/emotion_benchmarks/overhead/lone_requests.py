"""Lone requests, and the engine in this process, on the same texts."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from emotion_client import EmotionClient
from emotion_client.client import DEFAULT_TIMEOUT_S
from emotion_engine.checkpoint import Checkpoint
from emotion_engine.settings import EngineSettings
from emotion_loadtest.server import translated
from emotion_server.environment import SPIN_LOOPS
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient

T = TypeVar("T")
Rows = list[NDArray[np.int64]]
PAIRS_AT_A_TIME = 50
# After a forward pass, threads spin for a moment; this must not slow down the other side.
REST_S = 0.05


def time_each(
    call: Callable[[T], object], items: Iterable[T], *, check: Callable[[], None]
) -> list[float]:
    """Returns how many seconds each call took.

    Args:
        call: is called with each item, one after another.
        items: to call it with.
        check: called between calls; raises if a Ctrl-C was discarded.
    """
    times_s = []
    gc.collect()  # garbage of others must not be collected on these calls' time
    for item in items:
        check()
        start_s = time.perf_counter()
        call(item)
        times_s.append(time.perf_counter() - start_s)
    return times_s


def time_pairs(
    client: EmotionClient,
    texts: Sequence[str],
    *,
    predict: Callable[[Rows], object],
    check: Callable[[], None],
) -> tuple[list[float], list[float]]:
    """Returns the seconds of client and engine for each text, in turns of `PAIRS_AT_A_TIME`.

    Raises:
        EmotionError: the server does not answer.
    """
    tokenizer = client.connect().tokenizer
    client_s, engine_s = list[float](), list[float]()
    for start in range(0, len(texts), PAIRS_AT_A_TIME):
        part = texts[start : start + PAIRS_AT_A_TIME]
        rows = [[np.array(each.input_ids, dtype=np.int64)] for each in tokenizer.encode(part)]
        time.sleep(REST_S)
        client_s += time_each(client.predict, part, check=check)
        time.sleep(REST_S)
        engine_s += time_each(predict, rows, check=check)
    return client_s, engine_s


def ask_settings(server: InferenceServerClient) -> EngineSettings:
    """Asks the server for the settings of its engine.

    Raises:
        EmotionError: it does not answer.
    """
    with translated("the server"):
        answer = server.get_model_config("emotion", as_json=True, client_timeout=DEFAULT_TIMEOUT_S)
    return EngineSettings.from_model_config(json.dumps(answer["config"]))


def load_engine(checkpoint: Checkpoint, *, settings: EngineSettings) -> Any:
    """Returns a warm `Classifier` in this process, with the server's settings and threads."""
    # As in the server; libgomp reads it once, when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_LOOPS)
    import torch
    from emotion_engine.classifier import Classifier

    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    classifier = Classifier.load(checkpoint, settings=settings, device=device)
    classifier.warm_up()
    return classifier
