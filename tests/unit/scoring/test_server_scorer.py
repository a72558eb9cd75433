"""Servers as scorers: answers in order, what is a row's error and what ends the job."""

import pickle

import numpy as np
import pytest
from emotion_client import Unavailable
from emotion_scoring.errors import ScorerError
from emotion_scoring.server_scorer import CHUNK_TEXTS, ServerScorer
from fake_behaviours import MODEL_FAILED, Late
from fake_contract import expected_probabilities

from checkpoints import LABELS


@pytest.fixture
def server(start_server):
    return start_server()


@pytest.fixture
def scorer(server):
    scorer = ServerScorer(server.url, timeout_s=5)
    yield scorer
    scorer.close()


def expect(scorer, texts):
    tokenizer = scorer.client.connect().tokenizer
    return [
        expected_probabilities(each.input_ids, num_labels=len(LABELS))
        for each in tokenizer.encode(texts)
    ]


def test_score_all_yields_batches_in_order(scorer, server):
    sizes = [2, CHUNK_TEXTS + 1, 1]
    texts = [f"{'la ' * (i % 7)}{i}" for i in range(sum(sizes))]
    batches = [texts[:2], texts[2:-1], texts[-1:]]
    server.behave(*[Late(0.05 * (i % 3)) for i in range(6)])  # answers come out of order
    found = list(scorer.score_all(iter(batches)))
    assert [len(scores) for scores in found] == sizes
    together = np.concatenate([scores.probabilities for scores in found])
    np.testing.assert_allclose(together, expect(scorer, texts), rtol=1e-5)
    assert scorer.facts.labels == LABELS
    assert found[0].revision == server.served.revision


def test_rows_that_are_no_texts_have_errors_and_are_not_sent(scorer, server):
    scores = scorer.score(["la", None, 7, "lo"])
    assert scores.errors == [None, "text is null", "text has type int; it must be str", None]
    assert np.isnan(scores.probabilities[1:3]).all()
    rows = sum(len(call.inputs["input_ids"]) for call in server.calls if call.inputs)
    assert rows == 2


def test_request_that_fails_is_asked_again_text_by_text(scorer, server):
    server.behave(MODEL_FAILED, Late(0), MODEL_FAILED)
    scores = scorer.score(["la", "lo", "lu"])
    errors = [error for error in scores.errors if error]
    assert len(errors) == 1  # the second of the three that were asked alone
    assert server.url in errors[0]
    assert np.isfinite(scores.probabilities).all(axis=1).sum() == 2


def test_server_that_is_gone_ends_the_job(server):
    with pytest.raises(Unavailable):
        ServerScorer("127.0.0.1:1", timeout_s=1).score(["la"])


def test_another_checkpoint_meanwhile_ends_the_job(scorer, server):
    scorer.score(["la"])
    server.reload(revision="b" * 64)
    with pytest.raises(ScorerError, match="changed its checkpoint from aaaaaaaaaaaa to bbbbbbbbb"):
        scorer.score(["la"])


def test_it_can_be_sent_to_a_worker(scorer):
    copy = pickle.loads(pickle.dumps(scorer))
    batch = {"text": np.array(["la", None], dtype=object)}
    assert copy(batch)["error"].tolist() == [None, "text is null"]
    copy.close()
