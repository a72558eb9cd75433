"""Graphs against the plain forward pass, with a capture that is as strict as a CUDA graph.

`Recording` keeps operators and their tensors. To replay, it runs them again on the same memory,
with the numbers and shapes of the capture, and without any Python in between.
"""

import numpy as np
import pytest
import torch
from emotion_engine.attention import VarlenAttention
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.encoder import load_encoder
from emotion_engine.errors import SettingsError
from emotion_engine.graphs import MAX_ROWS, fix_rows
from emotion_engine.packing import PackedBatch, pack, token_sizes
from emotion_engine.settings import EngineSettings
from emotion_engine.torch_encoder import load_torch_encoder
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention import varlen
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from checkpoints import MAX_LENGTH, PACKED_KINDS

BUDGET = 1024
# Batches of one size, 256: the first has filler, the others more rows, fewer, and no filler.
SAME_SIZE = ([115, 128], [3] * 84, [128, 128], [1, 2, 3, 120, 128], [2] * 125)
# What a CUDA graph cannot hold: the host waits for a value, or a shape depends on it.
aten = torch.ops.aten
HOST_READS = {
    aten._local_scalar_dense.default,
    aten.item.default,
    aten.nonzero.default,
    aten.masked_select.default,
    aten.equal.default,
}


class Recording(TorchDispatchMode):
    """A capture that replays operators one by one."""

    def __init__(self):
        super().__init__()
        self.calls, self.num_captures = [], 0

    def __call__(self, function):
        function()
        self.calls, self.num_captures = [], self.num_captures + 1
        with self:
            output = function()
        return lambda calls=self.calls: self.replay(calls, output)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func not in HOST_READS, f"{func} reads what is on the device"
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result

    @staticmethod
    def replay(calls, output):
        for func, args, kwargs, result in calls:
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                assert old.shape == new.shape
                if old.data_ptr() != new.data_ptr():  # neither a view nor in place
                    old.copy_(new)
        return output


def attend(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, *, scale, window_size, num_splits):
    """A fake of torch's varlen_attn in plain operators; what the real one does not write is NaN."""
    place = torch.arange(len(query), dtype=torch.int32)
    row = torch.searchsorted(cu_seq_q, place, right=True)  # from 1; cu_seqlens beyond the last row
    starts = torch.cat([cu_seq_q[:1], cu_seq_q]).index_select(0, row)
    is_written = (row < len(cu_seq_q)) & (place - starts < max_q)
    sees = row[:, None] == row[None, :]
    if window_size[0] >= 0:
        sees = sees & ((place[:, None] - place[None, :]).abs() <= window_size[0])
    scores = torch.einsum("qhd,khd->hqk", query, key) * scale
    weights = torch.where(sees, scores, -torch.inf).softmax(-1)
    output = torch.einsum("hqk,khd->qhd", weights, value)
    return torch.where(is_written[:, None, None], output, torch.nan)


@pytest.fixture
def load(source_of, monkeypatch):
    """Loads an encoder with FlashAttention's kernel, as on a GPU."""

    def load_kind(kind):
        encoder = load_encoder(source_of(kind), device="cpu", dtype="float32", wanted="torch")
        monkeypatch.setattr(varlen, "varlen_attn", attend)
        encoder.attention = VarlenAttention
        return encoder

    return load_kind


def draw_batch(row_lens, *, seed=0):
    rng = np.random.default_rng(seed)
    (batch,) = pack([rng.integers(5, 200, size=n) for n in row_lens], max_batch_tokens=BUDGET)
    return batch


@given(st.lists(st.integers(1, 32), min_size=1, max_size=40), st.integers(1, 64))
def test_fix_rows_keeps_rows_and_makes_rows_of_the_filler(row_lens, num_rows):
    batch = draw_batch(row_lens)
    num_filler = -(-(batch.num_computed_tokens - batch.num_tokens) // 32)
    fixed = fix_rows(batch, num_rows=num_rows, max_length=32)
    if fixed is None:
        assert batch.num_rows + num_filler > num_rows
        return
    assert batch.num_rows + num_filler <= num_rows
    num_empty = num_rows - batch.num_rows - num_filler
    lens = fixed.row_lens.tolist()
    assert fixed.num_rows == num_rows == len(lens)
    assert lens[:num_empty] == [0] * num_empty
    assert lens[num_empty : num_empty + batch.num_rows] == batch.row_lens.tolist()
    assert max(lens) <= 32
    assert fixed.num_tokens == batch.num_computed_tokens
    assert fixed.input_ids is batch.input_ids


@pytest.mark.parametrize("size", token_sizes(BUDGET))
def test_fix_rows_without_a_batch_has_the_longest_rows(size):
    blank = PackedBatch(np.empty(0, np.int64), np.zeros(size, np.int64), np.zeros(1, np.int64))
    fixed = fix_rows(blank, num_rows=16, max_length=MAX_LENGTH)
    assert fixed.row_lens.max() == min(size, MAX_LENGTH)


@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_graph_answers_equal_the_plain_ones_for_batches_of_one_size(kind, load):
    encoder, recording = load(kind), Recording()
    batches = [draw_batch(row_lens, seed=i) for i, row_lens in enumerate(SAME_SIZE)]
    assert {batch.num_computed_tokens for batch in batches} == {256}
    expected = [encoder.compute_logits(batch) for batch in batches]
    assert np.abs(expected[0][0] - expected[0][1]).max() > 0.1  # rows differ
    encoder.use_graphs(recording, max_length=MAX_LENGTH)
    for batch, plain in [*zip(batches, expected, strict=True)] * 2:
        logits = encoder.compute_logits(batch)
        assert logits.shape == plain.shape
        assert np.abs(logits - plain).max() <= 1e-5
    assert recording.num_captures == 1


def test_recording_refuses_what_reads_the_device():
    with pytest.raises(AssertionError, match="reads what is on the device"):
        Recording()(lambda: torch.ones(3)[: torch.tensor(2)])


def test_recording_shows_numbers_of_the_host_that_change():
    batch = iter([1, 2, 3])
    inputs = torch.zeros(1)
    replay = Recording()(lambda: inputs + next(batch))
    inputs += 10
    assert replay().tolist() == [12]


@pytest.mark.parametrize(
    "row_lens", [[2] * (MAX_ROWS + 1), [5, 65]], ids=["more-rows", "longer-row"]
)
def test_graph_more_or_longer_rows_than_it_has_run_without(row_lens, load):
    encoder, recording = load("bert"), Recording()
    batch = draw_batch(row_lens)
    expected = encoder.compute_logits(batch)
    encoder.use_graphs(recording, max_length=64)
    assert np.array_equal(encoder.compute_logits(batch), expected)
    assert recording.num_captures == 0


def test_graph_without_memory_runs_without_and_is_not_tried_again(load):
    tried = []

    def run_out(function):
        tried.append(function)
        raise torch.OutOfMemoryError("Tried to allocate 20.00 MiB")

    encoder = load("bert")
    batch = draw_batch([5, 60])
    expected = encoder.compute_logits(batch)
    encoder.use_graphs(run_out, max_length=MAX_LENGTH)
    for _ in range(2):
        assert np.array_equal(encoder.compute_logits(batch), expected)
    assert len(tried) == 1


def test_graph_that_cannot_be_captured_says_so(load):
    def fail(function):
        raise RuntimeError("operation not permitted when stream is capturing\nmore lines")

    encoder = load("bert")
    encoder.use_graphs(fail, max_length=MAX_LENGTH)
    sentence = r"is 'on', but .* 80 tokens cannot be captured \(operation .* capturing\); choose 'o"
    with pytest.raises(SettingsError, match=sentence):
        encoder.compute_logits(draw_batch([5, 60]))


def test_warm_up_captures_every_size_the_largest_first(load, prepared_of):
    encoder, sizes = load("bert"), []
    encoder.use_graphs(Recording(), max_length=MAX_LENGTH)
    forward = encoder.graphs.forward

    def note(batch, *inputs):
        sizes.append(batch.num_computed_tokens)
        return forward(batch, *inputs)

    encoder.graphs.forward = note
    checkpoint = read_checkpoint(prepared_of("bert"))
    classifier = Classifier(checkpoint, encoder=encoder, max_batch_tokens=256)
    classifier.warm_up()
    assert sizes == [size for size in token_sizes(256)[::-1] for _ in range(2)]
    classifier.predict([np.full(n, 7) for n in range(1, 40)])
    assert len(sizes) == 2 * len(token_sizes(256))


# Where it cannot be used.


def load_with_graphs(folder, *, device="cpu", encoder="auto"):
    settings = EngineSettings(cuda_graphs="on", encoder=encoder)
    return Classifier.load(read_checkpoint(folder), settings=settings, device=device)


@pytest.mark.parametrize("encoder", ["auto", "torch", "padded"])
def test_load_cuda_graphs_on_a_cpu_are_refused(encoder, prepared_of):
    with pytest.raises(SettingsError, match="cuda_graphs is 'on', but the device is cpu; choose"):
        load_with_graphs(prepared_of("bert"), encoder=encoder)


@pytest.mark.parametrize(
    ("kind", "is_padded", "sentence"),
    [
        ("electra", False, "this model is padded"),
        ("bert", True, "this model is padded"),
        ("bert", False, r"without FlashAttention on cpu in torch\.float32; it needs bfloat16"),
    ],
    ids=["electra", "bert-padded", "bert-without-flash-attention"],
)
def test_load_torch_encoder_cuda_graphs_without_the_kernel_are_refused(
    kind, is_padded, sentence, source_of
):
    with pytest.raises(SettingsError, match=f"cuda_graphs is 'on', but .*{sentence}.*choose 'off'"):
        load_torch_encoder(
            source_of(kind),
            device="cpu",
            dtype="float32",
            is_padded=is_padded,
            num_threads=1,
            max_length=MAX_LENGTH,
            reason="chosen",
            has_graphs=True,
        )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("kind", PACKED_KINDS)
def test_cuda_graph_answers_equal_those_of_the_same_kernels(kind, source_of):
    encoders = [
        load_encoder(
            source_of(kind),
            device="cuda",
            dtype="bfloat16",
            max_length=MAX_LENGTH,
            has_graphs=has_graphs,
        )
        for has_graphs in (False, True)
    ]
    more = ([128] * 8, [5] * 200, [17], [90, 3, 60])  # of other sizes, in one pool of memory
    batches = [draw_batch(lens, seed=i) for i, lens in enumerate([*SAME_SIZE, *more])]
    for batch in batches * 3:
        plain, graphed = (encoder.compute_logits(batch) for encoder in encoders)
        assert np.abs(graphed - plain).max() <= 1e-5
    assert len(encoders[1].graphs._graphs) == len({x.num_computed_tokens for x in batches})


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_cuda_graphs_of_a_classifier_equal_its_plain_answers(prepared_of):
    rng = np.random.default_rng(0)
    rows = [rng.integers(5, 200, size=n) for n in rng.integers(1, MAX_LENGTH + 1, size=300)]
    answers = []
    for cuda_graphs in ("off", "on"):
        settings = EngineSettings(cuda_graphs=cuda_graphs, max_batch_tokens=BUDGET)
        checkpoint = read_checkpoint(prepared_of("bert"))
        classifier = Classifier.load(checkpoint, settings=settings, device="cuda")
        classifier.warm_up()
        answers.append(classifier.predict(rows).probabilities)
    assert np.abs(answers[0] - answers[1]).max() <= 1e-5
