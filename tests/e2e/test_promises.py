"""Promises 1 to 3 on the real server, for the default checkpoint and each architecture."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from conftest import copy_repository
from e2e.calls import infer, probabilities, start_all, text_inputs
from emotion_client import EmotionClient
from emotion_server.address import FREE_PORTS
from emotion_server.triton_server import TritonServer
from emotion_training.checkpoint.prepare import prepare
from tritonclient.grpc import InferenceServerClient, InferRequestedOutput

from checkpoints import KINDS, TEXTS, build_checkpoint, reference_probabilities
from scripts.demo import LYRICS, read_songs

SONGS = tuple(read_songs(LYRICS).values())
LONG_SONG = "and the river ran on " * 800  # 4,000 words
ALL_TEXTS = (*TEXTS, *SONGS, LONG_SONG)


@dataclass(frozen=True)
class Served:
    """A served checkpoint.

    Attributes:
        source: the folder that transformers reads for the reference.
        url: where it is served.
        tolerance: maximum difference from the reference's probabilities.
        batch_tolerance: maximum difference between a text alone and the same text batched.
    """

    source: Path
    url: str
    tolerance: float
    batch_tolerance: float


# Each needs its own server; the unit tests test the engine with all of them.
LONG_KINDS = ("xlm-roberta", "electra", "distilbert", "modernbert-mean")
SERVED_KINDS = [
    pytest.param(kind, marks=[pytest.mark.long] if kind in LONG_KINDS else [])
    for kind in ("default", *KINDS)
]


@pytest.fixture(scope="module", params=SERVED_KINDS)
def served(request, tmp_path_factory):
    """The default checkpoint as shipped, or a small random one in fp32."""
    if request.param == "default":
        server = request.getfixturevalue("server")
        yield Served(
            server.repository / "emotion" / "1" / "checkpoint", server.address.url, 3e-2, 2e-2
        )
        return
    folder = tmp_path_factory.mktemp(request.param)
    source = build_checkpoint(folder / "source", kind=request.param)
    repository = copy_repository(folder / "repository", parameters={"dtype": "float32"})
    prepare(str(source), target=repository / "emotion" / "1" / "checkpoint")
    with TritonServer(repository, address=FREE_PORTS) as server:
        yield Served(source, server.address.url, 1e-5, 1e-5)


@pytest.fixture
def own_client(served):
    with EmotionClient(served.url) as connected:
        yield connected


@pytest.fixture
def own_triton(served):
    with InferenceServerClient(served.url) as connected:
        yield connected


def scores_of(predictions):
    return np.array([list(prediction.scores.values()) for prediction in predictions])


def test_answers_equal_plain_transformers(served, own_client):
    expected = reference_probabilities(served.source, list(ALL_TEXTS))
    predictions = [own_client.predict(text) for text in ALL_TEXTS]
    np.testing.assert_allclose(scores_of(predictions), expected, atol=served.tolerance, rtol=0)
    labels = list(predictions[0].scores)
    for prediction, row in zip(predictions, expected, strict=True):
        second, best = np.sort(row)[-2:]
        if best - second > 2 * served.tolerance:
            assert prediction.label == labels[row.argmax()]


def test_answers_alone_equal_answers_batched(served, own_client):
    alone = [own_client.predict(text) for text in ALL_TEXTS]
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(len(ALL_TEXTS) * 4) % len(ALL_TEXTS)
        jobs = [partial(own_client.predict, ALL_TEXTS[i]) for i in order]
        batched = [future.result() for future in start_all(jobs, at_a_time=64)]
        expected = scores_of(alone)[order]
        np.testing.assert_allclose(
            scores_of(batched), expected, atol=served.batch_tolerance, rtol=0
        )
        for i, prediction, row in zip(order, batched, expected, strict=True):
            second, best = np.sort(row)[-2:]
            if best - second > 0.04:
                assert prediction.label == alone[i].label


def test_text_and_ids_give_equal_answers(own_client, own_triton):
    for i, text in enumerate(ALL_TEXTS):
        from_ids = own_client.predict(text)
        from_text = infer(own_triton, "emotion_text", text_inputs(text))
        expected = {
            "label": from_ids.label.encode(),
            "confidence": pytest.approx(from_ids.confidence, abs=1e-6),
            "revision": from_ids.revision.encode(),
            "num_tokens": from_ids.num_tokens,
            "truncated": from_ids.truncated,
        }
        assert {name: from_text.as_numpy(name)[0, 0] for name in expected} == expected, i
        scores = list(from_ids.scores.values())
        assert probabilities(from_text)[0] == pytest.approx(scores, abs=1e-6), i


def test_rows_of_one_request_equal_requests_of_one_row(served, own_client, own_triton):
    expected = scores_of([own_client.predict(text) for text in ALL_TEXTS])
    together = probabilities(infer(own_triton, "emotion_text", text_inputs(*ALL_TEXTS)))
    np.testing.assert_allclose(together, expected, atol=served.batch_tolerance, rtol=0)


def test_triton_names_the_best_classes(own_client, own_triton):
    best = InferRequestedOutput("probabilities", class_count=2)
    answer = infer(own_triton, "emotion_text", text_inputs(SONGS[0]), outputs=[best])
    names = [value.decode().split(":")[2] for value in answer.as_numpy("probabilities").ravel()]
    assert names[0] == own_client.predict(SONGS[0]).label
    assert len(names) == 2
