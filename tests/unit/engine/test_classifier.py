"""The classifier against the promises: as the reference, and alone or in company."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from emotion_client.tokenizer import TextTokenizer
from emotion_engine.checkpoint import Checkpoint, read_checkpoint
from emotion_engine.classifier import Classifier, Forward, choose_dtype
from emotion_engine.errors import OutOfMemory, SettingsError
from emotion_engine.packing import PackedBatch, token_sizes
from emotion_engine.settings import EngineSettings
from numpy.typing import NDArray

from checkpoints import (
    KINDS,
    LABELS,
    MAX_LENGTH,
    MODERNBERT_WINDOW,
    TEXTS,
    build_checkpoint,
    reference_of_ids,
    reference_probabilities,
)

Rows = list[NDArray[np.int64]]
ROW_LENS = (1, 2, 3, 15, 16, 17, 31, 33, 64, 90, 127, MAX_LENGTH)
BUDGET = 512
ENCODERS = ("auto", "torch", "padded")  # auto is the one in C++ where that can be used


def load(
    folder: Path,
    *,
    dtype: str = "float32",
    encoder: str = "auto",
    max_batch_tokens: int = BUDGET,
) -> Classifier:
    settings = EngineSettings(dtype=dtype, encoder=encoder, max_batch_tokens=max_batch_tokens)
    return Classifier.load(read_checkpoint(folder), settings=settings)


def tokenize(folder: Path, texts: Sequence[str]) -> Rows:
    checkpoint = read_checkpoint(folder)
    tokenizer = TextTokenizer(checkpoint.tokenizer_json(), max_length=checkpoint.max_length)
    return [np.array(encoding.input_ids) for encoding in tokenizer.encode(texts)]


def draw_rows(row_lens: Sequence[int] = ROW_LENS, *, seed: int = 5) -> Rows:
    generator = np.random.default_rng(seed)
    return [generator.integers(5, 200, size=n) for n in row_lens]


def reference_of_rows(folder: Path, rows: Rows) -> NDArray[np.float32]:
    ids = torch.ones(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.from_numpy(row)
        mask[i, : len(row)] = 1
    return reference_of_ids(folder, ids, mask=mask)


def measure_margin(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns by how much the best label of each row leads the second."""
    ordered = np.sort(probabilities, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def check_against(
    answer: NDArray[np.float32], expected: NDArray[np.float32], *, limit: float, margin: float
) -> None:
    assert np.abs(answer - expected).max() <= limit
    is_clear = measure_margin(expected) > margin
    assert is_clear.any()
    assert np.array_equal(answer.argmax(1)[is_clear], expected.argmax(1)[is_clear])


# Promise 2: as the reference.


@pytest.mark.parametrize("kind", KINDS)
def test_reference_texts_get_different_labels(kind: str, source_of: Callable[[str], Path]) -> None:
    best = reference_probabilities(source_of(kind), TEXTS).argmax(axis=1)
    assert len(set(best.tolist())) >= 4


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", KINDS)
def test_predict_texts_in_float32_equal_the_reference(
    kind: str, encoder: str, source_of: Callable[[str], Path], prepared_of: Callable[[str], Path]
) -> None:
    rows = tokenize(prepared_of(kind), TEXTS)
    answer = load(prepared_of(kind), encoder=encoder).predict(rows).probabilities
    assert np.abs(answer - reference_probabilities(source_of(kind), TEXTS)).max() <= 1e-5


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", KINDS)
def test_predict_any_row_length_in_float32_equals_the_reference(
    kind: str, encoder: str, source_of: Callable[[str], Path], prepared_of: Callable[[str], Path]
) -> None:
    rows = draw_rows()
    answer = load(prepared_of(kind), encoder=encoder).predict(rows).probabilities
    assert np.abs(answer - reference_of_rows(source_of(kind), rows)).max() <= 1e-5


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", KINDS)
def test_predict_bfloat16_is_close_to_the_reference_and_agrees_on_clear_labels(
    kind: str, encoder: str, source_of: Callable[[str], Path], prepared_of: Callable[[str], Path]
) -> None:
    classifier = load(prepared_of(kind), encoder=encoder, dtype="bfloat16")
    texts = classifier.predict(tokenize(prepared_of(kind), TEXTS)).probabilities
    check_against(texts, reference_probabilities(source_of(kind), TEXTS), limit=3e-2, margin=0.06)
    rows = draw_rows()
    answer = classifier.predict(rows).probabilities
    check_against(answer, reference_of_rows(source_of(kind), rows), limit=3e-2, margin=0.06)


@pytest.mark.parametrize("kind", ["roberta", "xlm-roberta"])
def test_predict_padding_token_inside_a_text_equals_the_reference(
    kind: str, source_of: Callable[[str], Path], prepared_of: Callable[[str], Path]
) -> None:
    texts = ["la <pad> la", "<pad>", "<pad><pad> I never <pad> thought", "la la <pad>", "la"]
    rows = tokenize(prepared_of(kind), texts)
    assert [int((row == 1).sum()) for row in rows] == [1, 1, 3, 1, 0]
    answer = load(prepared_of(kind)).predict(rows).probabilities
    assert np.abs(answer - reference_probabilities(source_of(kind), texts)).max() <= 1e-5


@pytest.mark.parametrize("kind", ["modernbert-cls", "modernbert-mean"])
def test_predict_row_longer_than_the_window_depends_on_what_is_beyond_it(
    kind: str, prepared_of: Callable[[str], Path]
) -> None:
    (row,) = draw_rows([6 * MODERNBERT_WINDOW])
    other = row.copy()
    other[-1] += 1
    row_answer, other_answer = load(prepared_of(kind)).predict([row, other]).probabilities
    assert np.abs(row_answer - other_answer).max() > 1e-6


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_predict_multi_label_takes_the_sigmoid(kind: str, tmp_path: Path) -> None:
    from prepare_model import prepare

    problem_type = "multi_label_classification"
    source = build_checkpoint(tmp_path / "source", kind=kind, problem_type=problem_type)
    prepare(str(source), target=tmp_path / "checkpoint")
    rows = tokenize(tmp_path / "checkpoint", TEXTS)
    answer = load(tmp_path / "checkpoint").predict(rows).probabilities
    assert np.abs(answer - reference_probabilities(source, TEXTS)).max() <= 1e-5
    assert np.abs(answer.sum(axis=1) - 1).min() > 0.1


# Promise 1: alone or in company.


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("dtype", "limit", "margin"),
    [
        pytest.param("float32", 1e-5, 1e-4, id="float32"),
        pytest.param("bfloat16", 2e-2, 0.04, id="bfloat16"),
    ],
)
def test_predict_row_in_any_company_gets_the_answer_it_gets_alone(
    kind: str,
    encoder: str,
    dtype: str,
    limit: float,
    margin: float,
    prepared_of: Callable[[str], Path],
) -> None:
    rows = draw_rows([*ROW_LENS, *ROW_LENS])
    classifier = load(prepared_of(kind), encoder=encoder, dtype=dtype)
    alone = np.concatenate([classifier.predict([row]).probabilities for row in rows])
    check_against(classifier.predict(rows).probabilities, alone, limit=limit, margin=margin)
    order = np.random.default_rng(1).permutation(len(rows))
    shuffled = classifier.predict([rows[i] for i in order]).probabilities
    check_against(shuffled, alone[order], limit=limit, margin=margin)


def test_predict_same_call_twice_gives_the_same_bits(prepared_of: Callable[[str], Path]) -> None:
    classifier, rows = load(prepared_of("bert")), draw_rows()
    first, second = (classifier.predict(rows).probabilities for _ in range(2))
    assert np.array_equal(first, second)


def test_predict_no_rows_gives_no_probabilities(prepared_of: Callable[[str], Path]) -> None:
    outcome = load(prepared_of("bert")).predict([])
    assert outcome.probabilities.shape == (0, len(LABELS))
    assert (outcome.failures, outcome.forwards) == ({}, ())


# The token budget.


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_predict_forwards_keep_to_the_budget_and_add_up(
    kind: str, prepared_of: Callable[[str], Path]
) -> None:
    rows = draw_rows([*ROW_LENS, *ROW_LENS])
    forwards = load(prepared_of(kind), max_batch_tokens=300).predict(rows).forwards
    assert sum(forward.num_rows for forward in forwards) == len(rows)
    assert sum(forward.num_tokens for forward in forwards) == sum(map(len, rows))
    for forward in forwards:
        assert forward.num_tokens <= 300
        assert forward.num_tokens <= forward.num_computed_tokens
        assert forward.seconds > 0


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_predict_one_long_row_among_short_ones_computes_no_more_than_the_budget(
    kind: str, prepared_of: Callable[[str], Path]
) -> None:
    rows = draw_rows([2] * 40 + [MAX_LENGTH])
    forwards = load(prepared_of(kind), max_batch_tokens=256).predict(rows).forwards
    assert max(forward.num_computed_tokens for forward in forwards) <= 256


def test_predict_packed_forwards_compute_at_most_an_eighth_more(
    prepared_of: Callable[[str], Path],
) -> None:
    classifier = load(prepared_of("bert"), encoder="torch", max_batch_tokens=300)
    for seed in range(10):
        row_lens = np.random.default_rng(seed).integers(1, MAX_LENGTH + 1, size=12).tolist()
        for forward in classifier.predict(draw_rows(row_lens, seed=seed)).forwards:
            assert forward.num_computed_tokens <= 300
            assert forward.num_computed_tokens in token_sizes(300)
            if forward.num_tokens > 128:
                assert forward.num_computed_tokens <= 1.125 * forward.num_tokens


def test_classifier_budget_below_max_length_is_refused(prepared_of: Callable[[str], Path]) -> None:
    with pytest.raises(SettingsError, match=r"is 127; .* max_length, 128"):
        load(prepared_of("bert"), max_batch_tokens=MAX_LENGTH - 1)


def test_classifier_budget_zero_takes_the_devices_default(
    prepared_of: Callable[[str], Path],
) -> None:
    classifier = load(prepared_of("bert"), encoder="torch", max_batch_tokens=0)
    assert classifier.max_batch_tokens == 2048


def test_warm_up_runs_every_size_once(prepared_of: Callable[[str], Path]) -> None:
    encoder = AddingEncoder()
    Classifier(CHECKPOINT, encoder=encoder, max_batch_tokens=200).warm_up()
    sizes = [batch.num_computed_tokens for batch in encoder.batches]
    assert sizes == list(token_sizes(200))
    assert all(batch.row_lens.max() <= CHECKPOINT.max_length for batch in encoder.batches)


# Out of memory.

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
    """Labels a row with the sum of its ids; runs out of memory where `fails` says so."""

    is_padded = False
    default_batch_tokens = 64

    def __init__(self, fails: Callable[[PackedBatch], bool] = lambda _: False) -> None:
        self.fails = fails
        self.batches: list[PackedBatch] = []

    def compute_logits(self, batch: PackedBatch) -> torch.Tensor:
        self.batches.append(batch)
        assert batch.cu_seqlens[0] == 0
        assert (np.diff(batch.row_lens) >= 0).all()
        if self.fails(batch):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        sums = np.add.reduceat(batch.input_ids[: batch.num_tokens], batch.cu_seqlens[:-1])
        return 100 * torch.eye(len(LABELS))[sums % len(LABELS)]

    def sizes_to_warm(self, max_batch_tokens: int) -> tuple[int, ...]:
        return token_sizes(max_batch_tokens)

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        return batch.num_computed_tokens


def predict_adding(
    encoder: AddingEncoder, rows: Rows, *, budget: int = 64
) -> tuple[list[int | None], dict[int, str], tuple[Forward, ...]]:
    """Returns the label of each row, None where it failed, the failures and the forwards."""
    outcome = Classifier(CHECKPOINT, encoder=encoder, max_batch_tokens=budget).predict(rows)
    is_nan = np.isnan(outcome.probabilities).all(axis=1)
    assert set(np.flatnonzero(is_nan)) == set(outcome.failures)
    best = outcome.probabilities.argmax(axis=1)
    labels = [None if nan else int(label) for nan, label in zip(is_nan, best, strict=True)]
    assert all(type(failure) is OutOfMemory for failure in outcome.failures.values())
    return labels, {i: str(e) for i, e in outcome.failures.items()}, outcome.forwards


def holds_poison(batch: PackedBatch) -> bool:
    return POISON in batch.input_ids


def expect(rows: Rows, *, failed: Sequence[int] = ()) -> list[int | None]:
    return [None if i in failed else int(row.sum()) % len(LABELS) for i, row in enumerate(rows)]


def test_out_of_memory_batch_too_large_is_split_once_and_succeeds() -> None:
    rows = draw_rows([8, 3, 5, 4, 7, 2, 6, 1])
    encoder = AddingEncoder(lambda batch: batch.num_rows > 4)
    labels, failures, forwards = predict_adding(encoder, rows)
    assert (labels, failures) == (expect(rows), {})
    assert [batch.num_rows for batch in encoder.batches] == [8, 4, 4]
    assert [forward.num_rows for forward in forwards] == [4, 4]


def test_out_of_memory_only_the_failing_halfs_rows_fail() -> None:
    rows = draw_rows([8, 3, 5, 4, 7, 2, 6, 1])
    rows[0][2] = POISON  # the longest: of the second half, with rows 2, 4 and 6
    encoder = AddingEncoder(holds_poison)
    labels, failures, forwards = predict_adding(encoder, rows)
    assert labels == expect(rows, failed=[0, 2, 4, 6])
    assert [batch.num_rows for batch in encoder.batches] == [8, 4, 4]
    assert failures[0] == f"the device has no memory for 4 rows of {8 + 5 + 7 + 6} tokens"
    assert [forward.num_rows for forward in forwards] == [4]


def test_out_of_memory_rows_of_other_batches_are_fine() -> None:
    rows = draw_rows([30, 31, 32, 29])  # two batches: rows 3 and 0, rows 1 and 2
    rows[1][0] = POISON
    labels, failures, _ = predict_adding(AddingEncoder(holds_poison), rows)
    assert labels == expect(rows, failed=[1])
    assert set(failures) == {1}


def test_out_of_memory_row_alone_fails_without_a_second_try() -> None:
    rows = draw_rows([5])
    encoder = AddingEncoder(lambda _: True)
    labels, failures, forwards = predict_adding(encoder, rows)
    assert labels == [None]
    assert failures == {0: "the device has no memory for 1 rows of 5 tokens"}
    assert forwards == ()
    assert len(encoder.batches) == 1


def test_out_of_memory_odd_batch_loses_no_row_in_the_split() -> None:
    rows = draw_rows([3, 1, 2])
    encoder = AddingEncoder(lambda batch: batch.num_rows > 2)
    labels, failures, _ = predict_adding(encoder, rows)
    assert (labels, failures) == (expect(rows), {})


def test_out_of_memory_everywhere_fails_every_row_and_tries_each_half_once() -> None:
    rows = draw_rows([8, 3, 5, 4])
    encoder = AddingEncoder(lambda _: True)
    labels, failures, _ = predict_adding(encoder, rows)
    assert labels == [None] * 4
    assert set(failures) == {0, 1, 2, 3}
    assert [batch.num_rows for batch in encoder.batches] == [4, 2, 2]


def test_take_span_without_failures_gives_its_rows() -> None:
    rows = draw_rows([8, 3, 5])
    outcome = Classifier(CHECKPOINT, encoder=AddingEncoder(), max_batch_tokens=64).predict(rows)
    assert np.array_equal(outcome.take(slice(1, 3)), outcome.probabilities[1:3])


def test_take_span_with_a_failed_row_raises_what_went_wrong() -> None:
    rows = draw_rows([8, 30, 31, 32])
    rows[3][0] = POISON
    encoder = AddingEncoder(holds_poison)
    outcome = Classifier(CHECKPOINT, encoder=encoder, max_batch_tokens=32).predict(rows)
    assert outcome.take(slice(0, 3)).shape == (3, len(LABELS))
    with pytest.raises(OutOfMemory, match="no memory for 1 rows of 32 tokens"):
        outcome.take(slice(2, 4))


def test_predict_another_error_is_not_taken_for_a_lack_of_memory() -> None:
    class BrokenEncoder(AddingEncoder):
        def compute_logits(self, batch: PackedBatch) -> torch.Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    classifier = Classifier(CHECKPOINT, encoder=BrokenEncoder(), max_batch_tokens=64)
    with pytest.raises(RuntimeError, match="mat1"):
        classifier.predict(draw_rows([3]))


# The dtype.


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        pytest.param({"avx512_bf16": True, "amx_bf16": True}, torch.bfloat16, id="both"),
        pytest.param({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16, id="avx512"),
        pytest.param({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16, id="amx"),
        pytest.param({"avx512_bf16": False, "amx_bf16": False}, torch.float32, id="neither"),
        pytest.param({"architecture": "aarch64"}, torch.float32, id="another-processor"),
    ],
)
def test_choose_dtype_auto_on_a_cpu_follows_its_capabilities(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, object], expected: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_dtype("auto", device=torch.device("cpu")) is expected


@pytest.mark.parametrize("has_bf16", [True, False])
def test_choose_dtype_auto_on_a_gpu_asks_for_bfloat16_in_hardware(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool
) -> None:
    def is_supported(*, including_emulation: bool) -> bool:
        assert including_emulation is False
        return has_bf16

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    expected = torch.bfloat16 if has_bf16 else torch.float32
    assert choose_dtype("auto", device=torch.device("cuda")) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("bfloat16", torch.bfloat16), ("float32", torch.float32)],
    ids=["bfloat16", "float32"],
)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_choose_dtype_forced_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, wanted: str, expected: torch.dtype, device: str
) -> None:
    def refuse() -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(torch.cpu, "get_capabilities", refuse)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", refuse)
    assert choose_dtype(wanted, device=torch.device(device)) is expected
