"""Promises 1 to 3 through the real server, for the default checkpoint and each architecture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import prepare_model
import pytest
from conftest import FREE_PORTS, copy_repository
from demo import LYRICS, read_songs
from e2e.calls import infer, probabilities, start_all, text_inputs
from emotion_client import EmotionClient
from serving.triton_server import TritonServer
from tritonclient.grpc import InferenceServerClient

from checkpoints import KINDS, TEXTS, build_checkpoint, reference_probabilities

SONGS = tuple(read_songs(LYRICS).values())
LONG_SONG = "and the river ran on " * 800  # 4,000 words
ALL_TEXTS = (*TEXTS, *SONGS, LONG_SONG)


@dataclass(frozen=True)
class Served:
    """A served checkpoint.

    Attributes:
        source: the folder that transformers reads for the reference.
        url: where it is served.
        tolerance: how far probabilities may be from the reference's.
        company_tolerance: how far a text's answer may move with its company.
    """

    source: Path
    url: str
    tolerance: float
    company_tolerance: float


# Each takes a server of its own; the unit tests run all of them through the engine.
LONG_KINDS = ("xlm-roberta", "electra")
SERVED_KINDS = [
    pytest.param(kind, marks=[pytest.mark.long] if kind in LONG_KINDS else [])
    for kind in ("default", *KINDS)
]


@pytest.fixture(scope="module", params=SERVED_KINDS)
def served(request, tmp_path_factory) -> Iterator[Served]:
    """The default checkpoint as it is served; the small random ones in fp32."""
    if request.param == "default":
        server = request.getfixturevalue("server")
        yield Served(
            server.repository / "emotion" / "1" / "checkpoint", server.address.url, 3e-2, 2e-2
        )
        return
    folder = tmp_path_factory.mktemp(request.param)
    source = build_checkpoint(folder / "source", kind=request.param)
    repository = copy_repository(folder / "repository", parameters={"dtype": "float32"})
    prepare_model.prepare(str(source), target=repository / "emotion" / "1" / "checkpoint")
    with TritonServer(repository, address=FREE_PORTS) as server:
        yield Served(source, server.address.url, 1e-5, 1e-5)


@pytest.fixture
def own_client(served) -> Iterator[EmotionClient]:
    with EmotionClient(served.url) as connected:
        yield connected


@pytest.fixture
def own_triton(served) -> Iterator[InferenceServerClient]:
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


def test_answers_alone_equal_answers_in_company(served, own_client):
    alone = [own_client.predict(text) for text in ALL_TEXTS]
    for shuffle in range(2):
        order = np.random.default_rng(shuffle).permutation(len(ALL_TEXTS) * 4) % len(ALL_TEXTS)
        jobs = [partial(own_client.predict, ALL_TEXTS[i]) for i in order]
        company = [future.result() for future in start_all(jobs, at_a_time=64)]
        expected = scores_of(alone)[order]
        np.testing.assert_allclose(
            scores_of(company), expected, atol=served.company_tolerance, rtol=0
        )
        for i, prediction, row in zip(order, company, expected, strict=True):
            second, best = np.sort(row)[-2:]
            if best - second > 0.04:
                assert prediction.label == alone[i].label


@pytest.mark.parametrize("text", ALL_TEXTS, ids=range(len(ALL_TEXTS)))
def test_text_and_ids_give_equal_answers(served, own_client, own_triton, text):
    from_ids = own_client.predict(text)
    from_text = infer(own_triton, "emotion_text", text_inputs(text))
    assert from_text.as_numpy("label")[0, 0].decode() == from_ids.label
    assert from_text.as_numpy("num_tokens")[0, 0] == from_ids.num_tokens
    assert from_text.as_numpy("truncated")[0, 0] == from_ids.truncated
    assert from_text.as_numpy("revision")[0, 0].decode() == from_ids.revision
    assert from_text.as_numpy("confidence")[0, 0] == pytest.approx(from_ids.confidence, abs=1e-6)
    expected = list(from_ids.scores.values())
    assert probabilities(from_text)[0] == pytest.approx(expected, abs=1e-6)


def test_rows_of_one_request_equal_requests_of_one_row(served, own_client, own_triton):
    texts = list(ALL_TEXTS)
    expected = scores_of([own_client.predict(text) for text in texts])
    together = infer(own_triton, "emotion_text", text_inputs(*texts))
    np.testing.assert_allclose(
        probabilities(together), expected, atol=served.company_tolerance, rtol=0
    )


def test_triton_names_the_best_classes(own_client, own_triton):
    from tritonclient.grpc import InferRequestedOutput

    best = InferRequestedOutput("probabilities", class_count=2)
    answer = infer(own_triton, "emotion_text", text_inputs(SONGS[0]), outputs=[best])
    names = [value.decode().split(":")[2] for value in answer.as_numpy("probabilities").ravel()]
    assert names[0] == own_client.predict(SONGS[0]).label
    assert len(names) == 2
