"""Many requests in flight at a time, sent with Triton's own client from one process.

All requests are the same, and the project's client is not involved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from emotion_client.channel import open_triton
from emotion_client.client import DEFAULT_TIMEOUT_S
from emotion_client.errors import ServerError
from emotion_loadtest.server import translated
from tritonclient.grpc import InferenceServerClient, InferInput, aio

from emotion_benchmarks.callers import Callback, ask_in_tasks, ask_with_callbacks

MODEL = "emotion"
NUM_CALLERS = 64
CALLBACKS, TASKS = "async_infer", "aio"


class BareLoad:
    """Sends the same request over and over.

    Args:
        num_rows: of a request.
        row_len: tokens of each row.

    Raises:
        EmotionError: from the calls: the server does not answer, or not to every row.
    """

    def __init__(self, *, num_rows: int, row_len: int) -> None:
        self._num_rows = num_rows
        ones = np.ones((num_rows, row_len), dtype=np.int64)
        self._inputs = []
        for name in ("input_ids", "attention_mask"):
            self._inputs.append(InferInput(name, ones.shape, "INT64"))
            self._inputs[-1].set_data_from_numpy(ones)

    def ask_with_callbacks(self, server: InferenceServerClient, num_requests: int) -> None:
        """Sends requests with `async_infer`, until all are answered."""

        def send(callback: Callback) -> None:
            server.async_infer(MODEL, self._inputs, callback, client_timeout=DEFAULT_TIMEOUT_S)

        with translated("the server"):
            ask_with_callbacks(send, num_requests, num_callers=NUM_CALLERS, check=self._check)

    async def ask_in_tasks(self, server: aio.InferenceServerClient, num_requests: int) -> None:
        """Sends requests with `tritonclient.grpc.aio`, until all are answered."""

        async def ask(_: int) -> None:
            self._check(await server.infer(MODEL, self._inputs, client_timeout=DEFAULT_TIMEOUT_S))

        with translated("the server"):
            await ask_in_tasks(ask, range(num_requests), num_callers=NUM_CALLERS)

    def _check(self, result: Any) -> None:
        confidences = result.as_numpy("confidence")
        num_rows = 0 if confidences is None else len(confidences)
        if num_rows != self._num_rows:
            raise ServerError(f"{num_rows} answers to {self._num_rows} rows")


@contextmanager
def open_senders(url: str) -> Iterator[dict[str, Callable[[BareLoad, int], None]]]:
    """Yields functions that send a number of requests, by name; their connections stay open."""
    with open_triton(url) as server, asyncio.Runner() as runner:

        async def connect() -> aio.InferenceServerClient:
            return aio.InferenceServerClient(url)  # belongs to the loop that it is made in

        awaited = runner.run(connect())
        try:
            yield {
                CALLBACKS: lambda load, number: load.ask_with_callbacks(server, number),
                TASKS: lambda load, number: runner.run(load.ask_in_tasks(awaited, number)),
            }
        finally:
            runner.run(awaited.close())
