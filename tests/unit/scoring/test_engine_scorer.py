"""The engine in this process: the same answers as its parts give, and errors in their rows."""

import numpy as np
import pytest
from emotion_client.tokenizer import TextTokenizer
from emotion_engine.errors import ForwardRefused, OutOfMemory
from emotion_scoring.engine_scorer import CHUNK_TEXTS, EngineScorer

from checkpoints import LABELS, TEXTS, reference_probabilities


@pytest.fixture(scope="module")
def scorer(prepared_of):
    return EngineScorer(prepared_of("bert"), device="cpu", num_threads=1)


def test_score_equals_plain_transformers(scorer, source_of):
    scores = scorer.score(TEXTS)
    expected = reference_probabilities(source_of("bert"), TEXTS)
    assert np.abs(scores.probabilities - expected).max() < 3e-2  # bfloat16, where it has it
    assert scores.errors == [None] * len(TEXTS)
    assert scores.truncated.tolist() == [
        each.truncated for each in scorer.tokenizer.encode(list(TEXTS))
    ]


def test_score_all_yields_batches_of_any_size_in_order(scorer):
    num_done = []
    sizes = [3, 0, CHUNK_TEXTS + 5, 1, CHUNK_TEXTS]
    texts = [f"{'la ' * (i % 5)}{i}" for i in range(sum(sizes))]
    ends = np.cumsum(sizes)
    batches = [texts[end - size : end] for end, size in zip(ends, sizes, strict=True)]
    found = list(scorer.score_all(iter(batches), advance=num_done.append))
    assert [len(scores) for scores in found] == sizes
    alone = scorer.score(texts)
    together = np.concatenate([scores.probabilities for scores in found])
    np.testing.assert_allclose(together, alone.probabilities, atol=2e-2)
    assert sum(num_done) == len(texts)


def test_call_keeps_the_batch_and_adds_columns(scorer):
    batch = {"id": np.arange(3), "text": np.array(["la la", None, 7], dtype=object)}
    scored = scorer(batch)
    assert list(scored) == [
        "id",
        "text",
        "label",
        "confidence",
        *(f"score_{label}" for label in LABELS),
        "truncated",
        "revision",
        "error",
    ]
    assert scored["id"] is batch["id"]
    assert {len(column) for column in scored.values()} == {3}
    assert scored["label"][0] in LABELS
    assert scored["label"][1:].tolist() == [None, None]
    assert scored["error"].tolist() == [
        None,
        "text is null",
        "text has type int; it must be str",
    ]
    assert scored["confidence"][0] == max(scored[f"score_{label}"][0] for label in LABELS)
    assert np.isnan(scored["confidence"][1:]).all()
    assert scored["revision"].tolist() == [scorer.facts.revision, None, None]


def test_text_without_tokens_has_an_error(scorer, monkeypatch):
    document = scorer.classifier.checkpoint.tokenizer_json()
    tokenizer = TextTokenizer(document, max_length=128)
    tokenizer._tokenizer.post_processor = None  # as GPT-2: no special tokens
    monkeypatch.setattr(scorer, "tokenizer", tokenizer)
    scores = scorer.score(["la", "", "lo"])
    assert scores.errors[::2] == [None, None]
    assert scores.errors[1].startswith("text has no token")
    assert np.isnan(scores.probabilities[1]).all()
    assert np.isfinite(scores.probabilities[::2]).all()


@pytest.mark.parametrize("dtype", [object, str], ids=["objects", "strings"])
def test_score_takes_arrays_as_spark_passes_them(scorer, dtype):
    columns = scorer.score(np.array(["la", "lo la"], dtype=dtype)).to_arrays()
    expected = scorer.score(["la", "lo la"]).to_arrays()
    assert {name: list(column) for name, column in columns.items()} == {
        name: list(column) for name, column in expected.items()
    }


class Broken:
    """A classifier that fails on one row."""

    def __init__(self, classifier, error):
        self.checkpoint, self.encoder = classifier.checkpoint, classifier.encoder
        self._classifier, self._error = classifier, error

    def predict(self, rows):
        outcome = self._classifier.predict(rows)
        outcome.failures[1] = self._error
        return outcome


def test_row_that_the_model_cannot_compute_has_an_error(scorer, monkeypatch):
    error = ForwardRefused("it refuses")
    monkeypatch.setattr(scorer, "classifier", Broken(scorer.classifier, error))
    assert scorer.score([None, "la", "lo", "lu"]).errors == [
        "text is null",
        None,
        "it refuses",
        None,
    ]


def test_device_without_memory_is_no_error_of_a_row(scorer, monkeypatch):
    error = OutOfMemory("no memory")
    monkeypatch.setattr(scorer, "classifier", Broken(scorer.classifier, error))
    with pytest.raises(OutOfMemory):
        scorer.score(["la", "lo"])


def test_error_while_reading_comes_after_the_chunks_before_it(scorer):
    def read():
        yield ["la"] * CHUNK_TEXTS
        yield ["lo"]
        raise KeyError("songs")

    found = scorer.score_all(read())
    assert len(next(found)) == CHUNK_TEXTS
    with pytest.raises(KeyError):
        next(found)
