"""FastAPI with a pipeline that takes batches, as the web server page of transformers advises.

As the page says under "dynamic batching" and "blocking the main thread": waiting texts become one
batch, and the pipeline runs in a thread while the next batch gathers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI, Request
from peers.padded_model import find_device
from peers.server_options import parse_options
from transformers import pipeline

MAX_BATCH_SIZE = 64
BATCH_TIMEOUT_S = 0.01
Waiting = tuple[str, asyncio.Future[Any]]


@asynccontextmanager
async def run_loop(app: FastAPI) -> AsyncIterator[None]:
    """Starts the loop with the server."""
    app.state.queue = asyncio.Queue()
    app.state.loop = asyncio.create_task(answer_for_ever(app.state.queue))
    yield


async def answer_for_ever(queue: asyncio.Queue[Waiting]) -> None:
    """Classifies batch after batch."""
    options = parse_options()
    pipe = pipeline(
        "text-classification",
        model=str(options.checkpoint),
        dtype=getattr(torch, options.dtype),
        device=find_device(),
    )
    while True:
        batch = await gather(queue)
        texts = [text for text, _ in batch]
        answers = await asyncio.to_thread(pipe, texts, batch_size=len(texts), truncation=True)
        for (_, future), answer in zip(batch, answers, strict=True):
            future.set_result(answer)


async def gather(queue: asyncio.Queue[Waiting]) -> list[Waiting]:
    """Returns the waiting texts, and those that come within the timeout."""
    batch = [await queue.get()]
    deadline_s = asyncio.get_running_loop().time() + BATCH_TIMEOUT_S
    try:
        async with asyncio.timeout_at(deadline_s):
            while len(batch) < MAX_BATCH_SIZE:
                batch.append(await queue.get())
    except TimeoutError:
        pass
    return batch


app = FastAPI(lifespan=run_loop)


@app.post("/")
async def classify(request: Request) -> Any:
    """Queues a text, and waits for its answer."""
    text = (await request.body()).decode()
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    await request.app.state.queue.put((text, future))
    return await future


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=parse_options().port, log_level="warning")
