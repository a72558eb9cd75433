"""The ways to have many texts classified that are compared with each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from emotion_client import AsyncEmotionClient, EmotionClient
from emotion_client.bulk import Group, Window, group
from emotion_client.channel import open_triton
from emotion_client.client import DEFAULT_TIMEOUT_S
from emotion_client.protocol import ServerInfo, build_request
from emotion_loadtest.server import translated
from numpy.typing import NDArray
from tritonclient.grpc import InferenceServerClient, InferInput

from emotion_benchmarks.callers import ask_in_tasks, ask_in_threads

NUM_CALLERS = 64
PREDICT_MANY = "predict_many"
PREDICT = f"predict, {NUM_CALLERS} threads"
BARE = "tritonclient loop"
ASYNC_PREDICT_MANY = "async predict_many"
ASYNC_PREDICT = f"async predict, {NUM_CALLERS} tasks"
OUTPUTS = ("label", "confidence", "probabilities", "revision")


@dataclass(frozen=True)
class Way:
    """One way to have texts classified.

    Attributes:
        name: for tables.
        prepare: takes texts, does what is not timed, and returns what is: a function that
            classifies them and returns the number of answers. It raises EmotionError.
    """

    name: str
    prepare: Callable[[Sequence[str]], Callable[[], int]]


@contextmanager
def open_ways(url: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Iterator[list[Way]]:
    """Yields all ways, each with a connection of its own that stays open.

    Args:
        url: of the server.
        timeout_s: of each call of the client.
    """
    with (
        EmotionClient(url, timeout_s=timeout_s) as client,
        open_triton(url) as server,
        asyncio.Runner() as runner,
    ):
        async_client = AsyncEmotionClient(url, timeout_s=timeout_s)
        try:
            yield [
                Way(PREDICT_MANY, lambda texts: lambda: len([*client.predict_many(texts)])),
                Way(
                    PREDICT,
                    lambda texts: (
                        lambda: ask_in_threads(client.predict, texts, num_callers=NUM_CALLERS)
                    ),
                ),
                Way(BARE, lambda texts: prepare_bare(server, texts, client=client)),
                Way(
                    ASYNC_PREDICT_MANY,
                    lambda texts: lambda: runner.run(ask_for_many(async_client, texts)),
                ),
                Way(
                    ASYNC_PREDICT,
                    lambda texts: (
                        lambda: runner.run(
                            ask_in_tasks(async_client.predict, texts, num_callers=NUM_CALLERS)
                        )
                    ),
                ),
            ]
        finally:
            runner.run(leave(async_client))


async def ask_for_many(client: AsyncEmotionClient, texts: Sequence[str]) -> int:
    """Calls `predict_many` for all texts; returns the number of answers."""
    return len([prediction async for prediction in client.predict_many(texts)])


async def leave(client: AsyncEmotionClient) -> None:
    """Cancels what Ctrl-C left unfinished, and closes the client."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await client.close()


def prepare_bare(
    server: InferenceServerClient, texts: Sequence[str], *, client: EmotionClient
) -> Callable[[], int]:
    """Returns a loop over ready-made requests without our client, to measure its cost."""
    info = client.connect()
    requests = [build_arrays(each, info=info) for each in group_texts(texts, info=info)]

    def ask() -> int:
        num_answers = 0
        for arrays in requests:
            answer = infer(server, arrays, revision=info.revision)
            num_answers += len(answer["label"])
        return num_answers

    return ask


def group_texts(texts: Sequence[str], *, info: ServerInfo) -> list[Group]:
    """Groups texts as `predict_many` does."""
    rest, groups, window = iter(texts), list[Group](), None
    while window is None or not window.is_last:
        window = Window.after(window)
        window.fill(rest, is_returned=False)
        if window.is_open():
            groups += group(window, info=info)
    return groups


def build_arrays(one: Group, *, info: ServerInfo) -> dict[str, NDArray[np.int64]]:
    """Returns what the client would send for a group: (num_rows, longest) int64 by name."""
    request = build_request(one.job.prepare(info).encodings, revision=info.revision)
    return {
        tensor.name: np.frombuffer(raw, dtype="<i8").reshape(tensor.shape)
        for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
    }


def infer(
    server: InferenceServerClient, arrays: dict[str, NDArray[np.int64]], *, revision: str
) -> dict[str, NDArray[Any]]:
    """Sends one request with Triton's own client, and reads every output.

    Raises:
        EmotionError: the server does not answer.
    """
    inputs = []
    for name, array in arrays.items():
        inputs.append(InferInput(name, array.shape, "INT64"))
        inputs[-1].set_data_from_numpy(array)
    with translated("the server"):
        result = server.infer(
            "emotion", inputs, client_timeout=DEFAULT_TIMEOUT_S, parameters={"revision": revision}
        )
    return {name: result.as_numpy(name) for name in OUTPUTS}
