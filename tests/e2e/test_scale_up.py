"""Larger batches and several instances, as config.pbtxt and docs/performance.md say to set them."""

import re
import time
from functools import partial

import numpy as np
import pytest
from conftest import with_checkpoint
from e2e.calls import ids_inputs, infer, probabilities, read_metric, start_all, text_inputs
from emotion_client import EmotionClient
from emotion_server.address import FREE_PORTS
from emotion_server.counters import count_executions, read_load
from emotion_server.service import Service
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

MAX_BATCH_SIZE, NUM_INSTANCES = 256, 2
NUM_REQUESTS, ROWS_EACH = 64, 32
METRICS_TIMEOUT_S, SETTLE_S = 10.0, 0.5
MAX_OWN_ROWS = 20  # of serve.py's own requests meanwhile, one row each
pytestmark = pytest.mark.long


def edit(path, *, before, after):
    text, num_changed = re.subn(before, after, path.read_text())
    assert num_changed == 1, path
    path.write_text(text)


@pytest.fixture(scope="module")
def scaled(default_repository, tmp_path_factory):
    """A server with a larger max_batch_size and two instances, each of which notes its process."""
    folder = tmp_path_factory.mktemp("scaled")
    one_thread = {"num_threads": "1"}
    repository = with_checkpoint(
        default_repository, target=folder / "repository", parameters=one_thread
    )
    for model in ("emotion", "emotion_text", "emotion_tokenizer"):
        size = f"max_batch_size: {MAX_BATCH_SIZE}"
        edit(repository / model / "config.pbtxt", before=r"max_batch_size: 64", after=size)
    edit(
        repository / "emotion" / "config.pbtxt",
        before=r"count: 1",
        after=f"count: {NUM_INSTANCES}",
    )
    pids = folder / "pids"
    pids.mkdir()
    edit(
        repository / "emotion" / "1" / "model.py",
        before=r"(        responses: list\[Any\] = )",
        after=rf"        import os; Path('{pids}', str(os.getpid())).touch()\n\1",
    )
    with Service(repository, address=FREE_PORTS, max_wait_s=20) as server:
        yield server, pids


@pytest.fixture
def triton(scaled):
    with InferenceServerClient(scaled[0].address.url) as connected:
        yield connected


def draw_ids(num_rows, *, length=9, seed=0):
    return np.random.default_rng(seed).integers(1000, 30000, size=(num_rows, length))


def count_rows(triton, server):
    """Returns how many rows Triton has counted, once the model's metrics have as many.

    Both lag behind the answers.
    """
    end_s = time.monotonic() + METRICS_TIMEOUT_S
    while True:
        time.sleep(SETTLE_S)
        num_rows = read_load(triton).num_rows
        num_observed = read_metric(server.address.metrics_port, "emotion_batch_rows_sum")
        if num_observed == num_rows:
            return num_rows
        assert time.monotonic() < end_s, (num_observed, num_rows)


def test_larger_batch_is_one_batch_and_every_row_gets_its_own_answer(triton):
    ids = draw_ids(MAX_BATCH_SIZE)
    before = count_executions(triton, model="emotion")
    together = probabilities(infer(triton, "emotion", ids_inputs(ids)))
    num_own = 2  # serve.py's own requests may come meanwhile
    assert count_executions(triton, model="emotion") - before <= 1 + num_own
    jobs = [partial(infer, triton, "emotion", ids_inputs(row[None])) for row in ids]
    alone = [probabilities(done.result())[0] for done in start_all(jobs, at_a_time=16)]
    assert together.shape[0] == MAX_BATCH_SIZE
    assert np.abs(together - alone).max() <= 2e-2


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        ("emotion", ids_inputs(draw_ids(MAX_BATCH_SIZE + 1))),
        ("emotion_text", text_inputs(*["la"] * (MAX_BATCH_SIZE + 1))),
    ],
    ids=["ids", "text"],
)
def test_larger_batch_one_row_too_many_is_refused(model, inputs, triton):
    with pytest.raises(InferenceServerException, match=f"batch-size must be <= {MAX_BATCH_SIZE}"):
        infer(triton, model, inputs)


def test_larger_batch_of_texts_equals_the_client(scaled, triton):
    texts = [f"la {i} and the rain" for i in range(MAX_BATCH_SIZE)]
    answer = probabilities(infer(triton, "emotion_text", text_inputs(*texts)))
    with EmotionClient(scaled[0].address.url) as client:
        scores = [[*each.scores.values()] for each in client.predict_many(texts)]
    assert np.abs(answer - scores).max() <= 2e-2


def test_instances_share_the_work_and_their_metrics_add_up(scaled, triton):
    server, pids = scaled
    ids = [draw_ids(ROWS_EACH, length=60, seed=i) for i in range(NUM_REQUESTS)]
    expected = [probabilities(infer(triton, "emotion", ids_inputs(each))) for each in ids]
    for path in pids.iterdir():
        path.unlink()
    num_before = count_rows(triton, server)
    jobs = [partial(infer, triton, "emotion", ids_inputs(each)) for each in ids]
    answers = [done.result() for done in start_all(jobs, at_a_time=NUM_REQUESTS)]
    for answer, alone in zip(answers, expected, strict=True):
        assert np.abs(probabilities(answer) - alone).max() <= 2e-2
    computed = {int(path.name) for path in pids.iterdir()}
    assert len(computed) == NUM_INSTANCES
    assert set(server.triton.models["emotion"]) == computed  # so serve.py watches both
    num_own = count_rows(triton, server) - num_before - NUM_REQUESTS * ROWS_EACH
    assert 0 <= num_own <= MAX_OWN_ROWS
