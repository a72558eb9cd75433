"""What waits becomes one batch."""

import asyncio
import time

from peers.text_queue import answer_for_ever


class Classifier:
    """Needs a moment for each batch."""

    def __init__(self):
        self.sizes = []

    def predict(self, texts):
        self.sizes.append(len(texts))
        time.sleep(0.05)
        return [{"label": text, "score": 1.0} for text in texts]


async def ask_all(classifier, num_texts):
    queue = asyncio.Queue()
    task = asyncio.create_task(answer_for_ever(queue, classifier))
    futures = [asyncio.get_running_loop().create_future() for _ in range(num_texts)]
    for i, future in enumerate(futures):
        if i == 1:
            await asyncio.sleep(0.02)  # the first has begun alone
        queue.put_nowait((str(i), future))
    futures[-1].cancel()  # a caller that has gone takes nobody with it
    answers = await asyncio.gather(*futures[:-1])
    task.cancel()
    return answers


def test_what_waits_becomes_a_batch_of_at_most_64_and_each_gets_its_own_answer():
    classifier = Classifier()
    answers = asyncio.run(ask_all(classifier, 100))
    assert [each["label"] for each in answers] == [str(i) for i in range(99)]
    assert classifier.sizes == [1, 64, 35]
