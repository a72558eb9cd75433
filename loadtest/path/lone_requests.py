"""Calls one after another by the clock, and the engine beside the server, in this process."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from emotion_client import EmotionClient
from emotion_client.client import DEFAULT_TIMEOUT_S
from emotion_client.errors import translate
from emotion_engine.checkpoint import Checkpoint
from emotion_engine.settings import EngineSettings
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

# What starts Triton is no installed package; the commands beside it find it by their own folder.
sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from serving.triton_binary import SPIN_LOOPS

T = TypeVar("T")
Rows = list[NDArray[np.int64]]
PAIRS_AT_A_TIME = 50
# Threads of a forward pass spin a moment for more work; the other side is not to pay for that.
REST_S = 0.05


@dataclass(frozen=True)
class Pair:
    """How long the same texts took by two ways, in seconds.

    Attributes:
        client: a call of the client each.
        engine: a forward pass in this process each.
    """

    client: list[float]
    engine: list[float]


def time_each(
    call: Callable[[T], object], items: Iterable[T], *, check: Callable[[], None]
) -> list[float]:
    """Returns how many seconds each call took.

    Args:
        call: is called with each item, one after another.
        items: to call it with.
        check: called between calls; raises where a Ctrl-C got lost.
    """
    times_s = []
    gc.collect()  # what others left is not this one's to clean up
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
) -> Pair:
    """Times client and engine on the same texts, some by the one, then the same by the other.

    Raises:
        EmotionError: the server does not answer.
    """
    tokenizer = client.connect().tokenizer
    pair = Pair([], [])
    for start in range(0, len(texts), PAIRS_AT_A_TIME):
        part = texts[start : start + PAIRS_AT_A_TIME]
        rows = [[np.array(each.input_ids, dtype=np.int64)] for each in tokenizer.encode(part)]
        time.sleep(REST_S)
        pair.client.extend(time_each(client.predict, part, check=check))
        time.sleep(REST_S)
        pair.engine.extend(time_each(predict, rows, check=check))
    return pair


def ask_settings(server: InferenceServerClient) -> EngineSettings:
    """Asks the server for the settings that its engine runs with.

    Raises:
        EmotionError: it does not answer.
    """
    try:
        answer = server.get_model_config("emotion", as_json=True, client_timeout=DEFAULT_TIMEOUT_S)
    except InferenceServerException as error:
        raise translate(error.status(), error.message(), url="the server") from error
    return EngineSettings.from_model_config(json.dumps(answer["config"]))


def load_engine(checkpoint: Checkpoint, *, settings: EngineSettings) -> Any:
    """Returns a warm `Classifier` in this process, with the server's settings and threads."""
    # The server's models run with it; libgomp reads it once, when torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_LOOPS)
    import torch
    from emotion_engine.classifier import Classifier

    device = "cuda:0" if torch.cuda.is_available() else "cpu"
    classifier = Classifier.load(checkpoint, settings=settings, device=device)
    classifier.warm_up()
    return classifier
