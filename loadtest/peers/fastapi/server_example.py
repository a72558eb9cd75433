"""FastAPI with a pipeline as the web server page of transformers has it.

One loop takes texts from a queue and gives the pipeline one at a time. (The page has Starlette,
which FastAPI is made of.)
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from transformers import pipeline

sys.path.append(str(Path(__file__).resolve().parents[2]))

from peers.server_options import parse_options


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
        # `truncation` is what the page's short texts do without.
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
