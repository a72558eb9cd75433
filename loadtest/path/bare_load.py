"""Many requests under way at a time, sent by Triton's own client from one process.

What is sent is always the same; nothing of the project's client is in the way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Semaphore
from typing import Any

import numpy as np
from emotion_client.client import DEFAULT_TIMEOUT_S
from emotion_client.errors import ServerError, translate
from tritonclient.grpc import InferenceServerClient, InferInput, aio
from tritonclient.utils import InferenceServerException

MODEL = "emotion"
NUM_IN_FLIGHT = 64
CALLBACKS, TASKS = "async_infer", "aio"


class BareLoad:
    """Sends the same request over and over.

    Args:
        num_rows: of a request.
        row_len: tokens of each row.

    Raises:
        EmotionError: from the calls: the server does not answer, or with other rows than asked.
    """

    def __init__(self, *, num_rows: int, row_len: int) -> None:
        self._num_rows = num_rows
        ones = np.ones((num_rows, row_len), dtype=np.int64)
        self._inputs = []
        for name in ("input_ids", "attention_mask"):
            self._inputs.append(InferInput(name, ones.shape, "INT64"))
            self._inputs[-1].set_data_from_numpy(ones)

    def ask_with_callbacks(self, server: InferenceServerClient, num_requests: int) -> None:
        """Sends requests with `async_infer`, 64 under way at a time, until all are answered."""
        free, errors = Semaphore(NUM_IN_FLIGHT), list[Exception]()
        done = partial(self._finish, free=free, errors=errors)
        for _ in range(num_requests):
            free.acquire()
            if errors:
                free.release()
                break
            server.async_infer(MODEL, self._inputs, done, client_timeout=DEFAULT_TIMEOUT_S)
        for _ in range(NUM_IN_FLIGHT):
            free.acquire()
        if errors:
            raise translate_error(errors[0]) from errors[0]

    async def ask_in_tasks(self, server: aio.InferenceServerClient, num_requests: int) -> None:
        """Sends requests with `tritonclient.grpc.aio` from 64 tasks, until all are answered."""
        waiting = iter(range(num_requests))

        async def work() -> None:
            for _ in waiting:
                self._check(
                    await server.infer(MODEL, self._inputs, client_timeout=DEFAULT_TIMEOUT_S)
                )

        tasks = [asyncio.ensure_future(work()) for _ in range(NUM_IN_FLIGHT)]
        try:
            await asyncio.gather(*tasks)
        except InferenceServerException as error:
            raise translate_error(error) from error
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _finish(
        self, result: Any, error: Exception | None, *, free: Semaphore, errors: list[Exception]
    ) -> None:
        try:
            if error is not None:
                raise error
            self._check(result)
        except Exception as problem:  # in gRPC's thread nobody would see it
            errors.append(problem)
        finally:
            free.release()

    def _check(self, result: Any) -> None:
        confidences = result.as_numpy("confidence")
        num_rows = 0 if confidences is None else len(confidences)
        if num_rows != self._num_rows:
            raise ServerError(f"{num_rows} answers to {self._num_rows} rows")


@contextmanager
def open_senders(url: str) -> Iterator[dict[str, Callable[[BareLoad, int], None]]]:
    """Yields what sends a number of requests, by name, each with a connection that stays open."""
    with InferenceServerClient(url) as server, asyncio.Runner() as runner:

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


def translate_error(error: Exception) -> Exception:
    """Returns the client's error for one of Triton's own client, and others as they are."""
    if isinstance(error, InferenceServerException):
        return translate(error.status(), error.message(), url="the server")
    return error
