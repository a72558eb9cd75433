"""Waiting texts, and the loop that classifies them batch after batch."""

from __future__ import annotations

import asyncio

from peers.text_classifier import MAX_BATCH_SIZE, Answer, TextClassifier

Waiting = tuple[str, asyncio.Future[Answer]]


async def answer_for_ever(queue: asyncio.Queue[Waiting], classifier: TextClassifier) -> None:
    """Classifies batch after batch."""
    while True:
        batch = [await queue.get()]
        while len(batch) < MAX_BATCH_SIZE and not queue.empty():
            batch.append(queue.get_nowait())
        answers = await asyncio.to_thread(classifier.predict, [text for text, _ in batch])
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():  # its caller has gone
                future.set_result(answer)
