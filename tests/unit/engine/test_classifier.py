"""The classifier against plain transformers, and a row alone against the same row in a batch."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from emotion_client.tokenizer import TextTokenizer
from emotion_engine.checkpoint import Checkpoint, read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.errors import NotFinite, OutOfMemory, SettingsError
from emotion_engine.packing import token_sizes
from emotion_engine.settings import EngineSettings
from emotion_training.checkpoint.prepare import prepare
from hypothesis import given, settings
from hypothesis import strategies as st

from checkpoints import (
    KINDS,
    LABELS,
    MAX_LENGTH,
    PACKED_KINDS,
    TEXTS,
    build_checkpoint,
    reference_of_ids,
    reference_probabilities,
)

ROW_LENS = (1, 2, 3, 15, 16, 17, 31, 33, 64, 90, 127, MAX_LENGTH)
BUDGET = 512
every_encoder = pytest.mark.parametrize(
    ("kind", "encoder"),
    [
        # In C++ where the processor has AVX2.
        *((kind, "auto") for kind in ("bert", "distilbert", "roberta", "xlm-roberta")),
        *((kind, "torch") for kind in PACKED_KINDS),
        *((kind, "padded") for kind in ("bert", "roberta", "modernbert-mean", "electra")),
    ],
)


def load(folder, *, dtype="float32", encoder="auto", max_batch_tokens=BUDGET):
    chosen = EngineSettings(dtype=dtype, encoder=encoder, max_batch_tokens=max_batch_tokens)
    return Classifier.load(read_checkpoint(folder), settings=chosen)


def tokenize(folder, texts):
    checkpoint = read_checkpoint(folder)
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    return [np.array(encoding.input_ids) for encoding in tokenizer.encode(texts)]


def draw_rows(row_lens=ROW_LENS):
    generator = np.random.default_rng(5)
    return [generator.integers(5, 200, size=n) for n in row_lens]


def reference_of_rows(folder, rows):
    ids = torch.ones(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.from_numpy(row)
        mask[i, : len(row)] = 1
    return reference_of_ids(folder, ids, mask=mask)


def check_against(answer, expected, *, limit, margin):
    """Compares probabilities, and the labels of rows whose best two differ by the margin."""
    assert np.abs(answer - expected).max() <= limit
    ordered = np.sort(expected, axis=1)
    is_clear = ordered[:, -1] - ordered[:, -2] > margin
    assert is_clear.any()
    assert np.array_equal(answer.argmax(1)[is_clear], expected.argmax(1)[is_clear])


# Promise 2: as the reference.


@pytest.mark.parametrize("kind", KINDS)
def test_reference_texts_get_different_labels(kind, source_of):
    best = reference_probabilities(source_of(kind), TEXTS).argmax(axis=1)
    assert len(set(best.tolist())) >= 4


@pytest.mark.parametrize(
    ("dtype", "limit", "margin"), [("float32", 1e-5, 1e-4), ("bfloat16", 3e-2, 0.06)]
)
@every_encoder
def test_predict_equals_the_reference(kind, encoder, dtype, limit, margin, source_of, prepared_of):
    classifier = load(prepared_of(kind), encoder=encoder, dtype=dtype)
    texts = classifier.predict(tokenize(prepared_of(kind), TEXTS)).probabilities
    expected = reference_probabilities(source_of(kind), TEXTS)
    check_against(texts, expected, limit=limit, margin=margin)
    rows = draw_rows()
    answer = classifier.predict(rows).probabilities
    check_against(answer, reference_of_rows(source_of(kind), rows), limit=limit, margin=margin)


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_predict_multi_label_takes_the_sigmoid(kind, tmp_path):
    problem_type = "multi_label_classification"
    source = build_checkpoint(tmp_path / "source", kind=kind, problem_type=problem_type)
    prepare(str(source), target=tmp_path / "checkpoint")
    rows = tokenize(tmp_path / "checkpoint", TEXTS)
    answer = load(tmp_path / "checkpoint").predict(rows).probabilities
    assert np.abs(answer - reference_probabilities(source, TEXTS)).max() <= 1e-5
    assert np.abs(answer.sum(axis=1) - 1).min() > 0.1


# Promise 1: alone or batched.


@pytest.mark.parametrize(
    ("dtype", "limit", "margin"), [("float32", 1e-5, 1e-4), ("bfloat16", 2e-2, 0.04)]
)
@every_encoder
def test_predict_row_gets_the_same_answer_alone_or_batched(
    kind, encoder, dtype, limit, margin, prepared_of
):
    rows = draw_rows([*ROW_LENS, *ROW_LENS])
    classifier = load(prepared_of(kind), encoder=encoder, dtype=dtype)
    alone = np.concatenate([classifier.predict([row]).probabilities for row in rows])
    check_against(classifier.predict(rows).probabilities, alone, limit=limit, margin=margin)
    order = np.random.default_rng(1).permutation(len(rows))
    shuffled = classifier.predict([rows[i] for i in order]).probabilities
    check_against(shuffled, alone[order], limit=limit, margin=margin)


def test_predict_same_call_twice_is_bit_identical(prepared_of):
    classifier, rows = load(prepared_of("bert")), draw_rows()
    first, second = (classifier.predict(rows).probabilities for _ in range(2))
    assert np.array_equal(first, second)


def test_predict_no_rows_gives_no_probabilities(prepared_of):
    outcome = load(prepared_of("bert")).predict([])
    assert outcome.probabilities.shape == (0, len(LABELS))
    assert (outcome.failures, outcome.forwards) == ({}, ())


# The token budget.


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_predict_forwards_keep_to_the_budget_and_add_up(kind, prepared_of):
    rows = draw_rows([*ROW_LENS, *ROW_LENS])
    forwards = load(prepared_of(kind), max_batch_tokens=300).predict(rows).forwards
    assert sum(forward.num_rows for forward in forwards) == len(rows)
    assert sum(forward.num_tokens for forward in forwards) == sum(map(len, rows))
    for forward in forwards:
        assert forward.num_tokens <= forward.num_computed_tokens <= 300
        assert forward.seconds > 0


def test_classifier_budget_below_max_length_is_refused(prepared_of):
    with pytest.raises(SettingsError, match=r"is 127; .* max_length, 128"):
        load(prepared_of("bert"), max_batch_tokens=MAX_LENGTH - 1)


def test_classifier_budget_of_zero_is_the_devices_default(prepared_of):
    classifier = load(prepared_of("bert"), encoder="torch", max_batch_tokens=0)
    assert classifier.max_batch_tokens == 2048


# Out of memory, with an encoder that can run out.

CHECKPOINT = Checkpoint(
    folder=Path("nowhere"),
    labels=LABELS,
    max_length=32,
    problem_type="single_label_classification",
    vocab_size=1000,
    revision="0" * 64,
)
POISON = 999


class AddingEncoder:
    """Labels a row with the sum of its ids; raises an error where `fails` returns True."""

    is_padded, end_id = False, 0
    default_batch_tokens = 64

    def __init__(self, fails=lambda _: False, *, error=OutOfMemory):
        self.fails, self.error = fails, error
        self.batches = []

    def compute_logits(self, batch):
        self.batches.append(batch)
        assert batch.cu_seqlens[0] == 0
        assert (np.diff(batch.row_lens) >= 0).all()
        if self.fails(batch):
            raise self.error(f"the device has no memory for {batch}")
        sums = np.add.reduceat(batch.input_ids[: batch.num_tokens], batch.cu_seqlens[:-1])
        return 100 * np.eye(len(LABELS), dtype=np.float32)[sums % len(LABELS)]

    def sizes_to_warm(self, max_batch_tokens):
        return token_sizes(max_batch_tokens)

    def num_computed_tokens(self, batch):
        return batch.num_computed_tokens


def predict_adding(encoder, rows, *, budget=64):
    return Classifier(CHECKPOINT, encoder=encoder, max_batch_tokens=budget).predict(rows)


def is_poisoned(batch):
    return POISON in batch.input_ids


def exceeds(num_rows):
    return lambda batch: batch.num_rows > num_rows


EIGHT = [8, 3, 5, 4, 7, 2, 6, 1]
ONE_ROW = {2: "1 rows of 31 tokens"}
LONGER_HALF = dict.fromkeys([0, 2, 4, 6], "4 rows of 26 tokens")
BOTH_HALVES = {i: f"2 rows of {n} tokens" for i, n in enumerate([13, 7, 13, 7])}
# Lengths of the rows, a poisoned row, which batches fail; failures, rows of each batch, those done.
OUT_OF_MEMORY = {
    "both-halves-succeed": (EIGHT, None, exceeds(4), {}, [8, 4, 4], [4, 4]),
    "odd-number-of-rows": ([3, 1, 2], None, exceeds(2), {}, [3, 2, 1], [2, 1]),
    "only-one-half-fails": (EIGHT, 0, is_poisoned, LONGER_HALF, [8, 4, 4], [4]),
    "other-batch-succeeds": ([29, 30, 31, 32], 2, is_poisoned, ONE_ROW, [2, 2, 1, 1], [2, 1]),
    "single-row-is-not-retried": ([5], None, exceeds(0), {0: "1 rows of 5 tokens"}, [1], []),
    "everything-fails": ([8, 3, 5, 4], None, exceeds(0), BOTH_HALVES, [4, 2, 2], []),
}


@pytest.mark.parametrize(
    ("row_lens", "poisoned", "fails", "failures", "tried", "done"),
    OUT_OF_MEMORY.values(),
    ids=OUT_OF_MEMORY,
)
def test_predict_out_of_memory_retries_halves_once(
    row_lens, poisoned, fails, failures, tried, done
):
    rows = draw_rows(row_lens)
    if poisoned is not None:
        rows[poisoned][0] = POISON
    encoder = AddingEncoder(fails)
    outcome = predict_adding(encoder, rows)
    assert [batch.num_rows for batch in encoder.batches] == tried
    assert [forward.num_rows for forward in outcome.forwards] == done
    sentences = {i: f"the device has no memory for {what}" for i, what in failures.items()}
    assert {i: str(error) for i, error in outcome.failures.items()} == sentences
    assert all(type(error) is OutOfMemory for error in outcome.failures.values())
    for i, row in enumerate(rows):
        if i in failures:
            assert np.isnan(outcome.probabilities[i]).all()
        else:
            assert outcome.probabilities[i].argmax() == row.sum() % len(LABELS)


def test_take_raises_the_failure_of_a_row_in_the_span():
    rows = draw_rows([8, 30, 31, 32])
    rows[3][0] = POISON
    outcome = predict_adding(AddingEncoder(is_poisoned), rows, budget=32)
    assert np.array_equal(outcome.take(slice(1, 3)), outcome.probabilities[1:3])
    with pytest.raises(OutOfMemory, match="no memory for 1 rows of 32 tokens"):
        outcome.take(slice(2, 4))


def test_predict_other_errors_are_raised():
    encoder = AddingEncoder(lambda _: True, error=RuntimeError)
    with pytest.raises(RuntimeError, match="no memory"):
        predict_adding(encoder, draw_rows([3]))


def test_warm_up_runs_every_size_once():
    encoder = AddingEncoder()
    Classifier(CHECKPOINT, encoder=encoder, max_batch_tokens=200).warm_up()
    sizes = [batch.num_computed_tokens for batch in encoder.batches]
    assert sizes == list(token_sizes(200))
    assert all(batch.row_lens.max() <= CHECKPOINT.max_length for batch in encoder.batches)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 32), min_size=1, max_size=40))
def test_predict_packed_forwards_are_rounded_up_to_a_warmed_size(row_lens):
    for forward in predict_adding(AddingEncoder(), draw_rows(row_lens), budget=300).forwards:
        sizes = [size for size in token_sizes(300) if size >= forward.num_tokens]
        assert forward.num_computed_tokens == sizes[0]


class BrokenEncoder(AddingEncoder):
    """Its answer to a row that has the id 13 is no number."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def compute_logits(self, batch):
        logits = super().compute_logits(batch)
        for i, (start, end) in enumerate(pairwise(batch.cu_seqlens)):
            if 13 in batch.input_ids[start:end]:
                logits[i, 0] = self.value
        return logits


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predict_answer_that_is_no_number_fails_its_row_alone(value):
    classifier = Classifier(CHECKPOINT, encoder=BrokenEncoder(value), max_batch_tokens=200)
    outcome = classifier.predict([np.array(ids) for ids in ([1, 2], [5, 13], [7])])
    assert np.isfinite(outcome.take(slice(0, 1))).all()
    assert np.isfinite(outcome.take(slice(2, 3))).all()
    sentence = "the model's answer is not a number; try dtype float32, or check the checkpoint"
    for span, row in ((slice(0, 3), 1), (slice(1, 3), 0)):
        with pytest.raises(NotFinite, match=f"^row {row}: {sentence}$"):
            outcome.take(span)


def test_warm_up_all_answers_nan_is_an_error():
    classifier = Classifier(CHECKPOINT, encoder=BrokenEncoder(np.nan), max_batch_tokens=32)
    classifier.encoder.end_id = 13
    with pytest.raises(NotFinite, match=r"^the model's answer is not a number"):
        classifier.warm_up()
