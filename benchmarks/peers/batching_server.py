"""A batching server for an engine: text over HTTP in, label and score out.

All waiting texts, up to 64, form a batch; it is tokenized and computed in a thread while the next
texts arrive. Nothing waits for more texts: a batch starts as soon as the one before it is done.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from peers.server_options import build_parser
from peers.text_classifier import Answer, TextClassifier, load_classifier
from peers.text_queue import answer_for_ever
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def build_app(classifier: TextClassifier) -> Starlette:
    """Returns the server."""

    @asynccontextmanager
    async def run_loop(app: Starlette) -> AsyncIterator[None]:
        app.state.queue = asyncio.Queue()
        task = asyncio.create_task(answer_for_ever(app.state.queue, classifier))
        yield
        task.cancel()

    async def classify(request: Request) -> Response:
        text = (await request.body()).decode()
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        await request.app.state.queue.put((text, future))
        return JSONResponse(await future)

    return Starlette(routes=[Route("/", classify, methods=["POST"])], lifespan=run_loop)


def main() -> None:
    """Serves until a signal comes."""
    parser = build_parser()
    parser.add_argument("--engine", required=True, help="name of its folder")
    parser.add_argument("--kind", required=True, help="what it computes in, as it calls it")
    parser.add_argument("--calibration", type=Path, required=True, help="typical texts (JSONL)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        classifier = load_classifier(
            options.checkpoint,
            engine=options.engine,
            kind=options.kind,
            calibration=options.calibration,
            folder=Path(folder),
        )
        print(f"{options.engine} {options.kind}: {classifier.engine}")
        app = build_app(classifier)
        uvicorn.run(app, host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
