"""FastAPI with a pipeline, as on the web server page of transformers.

One loop takes texts from a queue and gives the pipeline one at a time. (The page uses Starlette,
which FastAPI is built on.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from peers.server_options import parse_options
from transformers import pipeline


@asynccontextmanager
async def run_loop(app: FastAPI) -> AsyncIterator[None]:
    """Starts the loop with the server."""
    app.state.queue = asyncio.Queue()
    app.state.loop = asyncio.create_task(answer_for_ever(app.state.queue))
    yield


async def answer_for_ever(queue: asyncio.Queue[tuple[str, asyncio.Queue[Any]]]) -> None:
    """Classifies text after text."""
    pipe = pipeline("text-classification", model=str(parse_options().checkpoint))
    while True:
        text, answers = await queue.get()
        # The page's short texts need no `truncation`.
        await answers.put(pipe(text, truncation=True)[0])


app = FastAPI(lifespan=run_loop)


@app.post("/")
async def classify(request: Request) -> Any:
    """Queues a text, and waits for its answer."""
    text = (await request.body()).decode()
    answers: asyncio.Queue[Any] = asyncio.Queue()
    await request.app.state.queue.put((text, answers))
    return await answers.get()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=parse_options().port)
