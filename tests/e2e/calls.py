"""Plain calls to Triton, for requests that our client does not send."""

from __future__ import annotations

import http.client
import re
import urllib.request
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
from tritonclient.grpc import InferenceServerClient, InferInput

TIMEOUT_S = 20.0
DEAD_PROXIES = dict.fromkeys(
    ["http_proxy", "https_proxy", "HTTP_PROXY", "grpc_proxy"], "http://127.0.0.1:9"
)
"""An environment whose proxy answers nobody."""


def ids_inputs(ids: Any, mask: Any = None) -> list[InferInput]:
    """Returns the inputs of `emotion`; the default mask is all ones."""
    ids = np.asarray(ids, dtype=np.int64)
    mask = np.ones_like(ids) if mask is None else np.asarray(mask, dtype=np.int64)
    return [tensor("input_ids", ids), tensor("attention_mask", mask)]


def text_inputs(*texts: str | bytes) -> list[InferInput]:
    """Returns the input of `emotion_text` and `emotion_tokenizer`, one row per text."""
    rows = [[text.encode() if isinstance(text, str) else text] for text in texts]
    return [tensor("text", np.array(rows, dtype=object))]


def tensor(name: str, array: np.ndarray) -> InferInput:
    kinds = {"int64": "INT64", "int32": "INT32", "object": "BYTES"}
    built = InferInput(name, list(array.shape), kinds[str(array.dtype)])
    built.set_data_from_numpy(array)
    return built


def infer(
    triton: InferenceServerClient, model: str, inputs: list[InferInput], **options: Any
) -> Any:
    return triton.infer(model, inputs, client_timeout=TIMEOUT_S, **options)


def probabilities(result: Any) -> np.ndarray:
    return result.as_numpy("probabilities")


def start_all(jobs: list[Any], *, at_a_time: int) -> list[Future[Any]]:
    """Runs functions concurrently; returns when all are done."""
    with ThreadPoolExecutor(at_a_time) as pool:
        return [pool.submit(job) for job in jobs]


def ask_http(
    port: int, method: str, path: str, body: bytes | str | None = None
) -> tuple[int, bytes]:
    """Returns status and body of an answer over HTTP."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)) as connection:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def read_metric(metrics_port: int, name: str) -> float:
    """Returns the sum of a metric over its labels."""
    url = f"http://127.0.0.1:{metrics_port}/metrics"
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as page:
        lines = page.read().decode().splitlines()
    pattern = re.compile(rf"{name}(\{{.*\}})? (\S+)$")
    return sum(float(match[2]) for line in lines if (match := pattern.match(line)))
