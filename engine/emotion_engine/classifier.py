"""The classifier: rows of token ids in, label probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from emotion_engine.checkpoint import Checkpoint
from emotion_engine.dtype import choose_dtype
from emotion_engine.encoder import Encoder, load_encoder
from emotion_engine.errors import (
    ForwardRefused,
    NotFinite,
    OutOfMemory,
    RowFailure,
    SettingsError,
)
from emotion_engine.packing import PackedBatch, pack
from emotion_engine.settings import EngineSettings

NOT_FINITE = "the model's answer is not a number; try dtype float32, or check the checkpoint"


@dataclass(frozen=True)
class Forward:
    """What one forward pass did.

    Attributes:
        num_rows: rows in it.
        num_tokens: real tokens.
        num_computed_tokens: tokens computed, filler or padding included.
        seconds: wall time, until the probabilities are in host memory.
    """

    num_rows: int
    num_tokens: int
    num_computed_tokens: int
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """The answer to one call of `Classifier.predict`.

    Attributes:
        probabilities: (num_rows, num_labels) float32; NaN in the rows of `failures`.
        failures: row to its error.
        forwards: the forward passes of the call.
    """

    probabilities: NDArray[np.float32]
    failures: dict[int, RowFailure]
    forwards: tuple[Forward, ...]

    def take(self, span: slice) -> NDArray[np.float32]:
        """Returns the probabilities of some rows, (rows, num_labels) float32.

        Raises:
            RowFailure: the error of one of them; its sentence names the row, counted from the
                first of the span, unless memory ran out for all.
        """
        for row in range(span.start, span.stop):
            failure = self.failures.get(row)
            if isinstance(failure, OutOfMemory):
                raise failure
            if failure is not None:
                raise type(failure)(f"row {row - span.start}: {failure}") from failure
        return self.probabilities[span]


class Classifier:
    """A loaded checkpoint on one device.

    Args:
        checkpoint: what is served.
        encoder: its model.
        max_batch_tokens: maximum tokens per forward pass; at least the checkpoint's max_length.
    """

    def __init__(self, checkpoint: Checkpoint, *, encoder: Encoder, max_batch_tokens: int) -> None:
        if max_batch_tokens < checkpoint.max_length:
            raise SettingsError(
                f"max_batch_tokens is {max_batch_tokens}; "
                f"it must be at least the checkpoint's max_length, {checkpoint.max_length}"
            )
        self.checkpoint = checkpoint
        self.encoder = encoder
        self.max_batch_tokens = max_batch_tokens

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, *, settings: EngineSettings, device: str = "cpu"
    ) -> Classifier:
        """Loads the weights.

        Args:
            checkpoint: what to serve.
            settings: dtype, encoder, token budget, threads and CUDA graphs.
            device: a torch device, such as "cpu" or "cuda:0".

        Raises:
            SettingsError: the token budget is below the checkpoint's max_length, or the encoder
                cannot be used here.
        """
        wanted = checkpoint.dtype if settings.dtype == "auto" else settings.dtype
        encoder = load_encoder(
            checkpoint.folder,
            device=device,
            dtype=choose_dtype(wanted, device=device, encoder=settings.encoder),
            wanted=settings.encoder,
            num_threads=settings.num_threads,
            max_length=checkpoint.max_length,
            has_graphs=settings.cuda_graphs == "on",
        )
        default = max(encoder.default_batch_tokens, checkpoint.max_length)
        max_batch_tokens = settings.max_batch_tokens or default
        return cls(checkpoint, encoder=encoder, max_batch_tokens=max_batch_tokens)

    def __str__(self) -> str:
        return f"{self.encoder}, {self.checkpoint}"

    def warm_up(self) -> None:
        """Runs one forward pass of each size that is slow the first time.

        Raises:
            ForwardRefused: the model can compute nothing on this device.
            NotFinite: all that it computes is NaN.
        """
        for size in self.encoder.sizes_to_warm(self.max_batch_tokens):
            num_full, rest = divmod(size, self.checkpoint.max_length)
            row_lens = [self.checkpoint.max_length] * num_full + [rest] * bool(rest)
            outcome = self.predict([self._fill_row(row_len) for row_len in row_lens])
            failure = outcome.failures.get(0)
            if len(outcome.failures) == len(row_lens) and isinstance(
                failure, ForwardRefused | NotFinite
            ):
                raise failure

    def _fill_row(self, row_len: int) -> NDArray[np.int64]:
        row = np.zeros(row_len, dtype=np.int64)
        row[-1] = self.encoder.end_id
        return row

    def predict(self, rows: Sequence[NDArray[np.int64]]) -> Outcome:
        """Returns the probabilities of each row.

        Args:
            rows: the real ids of each row, (row_len,) int64, row_len from 1 to max_length.
        """
        shape = (len(rows), len(self.checkpoint.labels))
        probabilities = np.full(shape, np.nan, dtype=np.float32)
        failures: dict[int, RowFailure] = {}
        forwards = []
        for batch in self._pack(rows):
            for part, result in self._run(batch, rows=rows):
                if isinstance(result, RowFailure):
                    failures.update(dict.fromkeys(part.rows.tolist(), result))
                    continue
                probabilities[part.rows], forward = result
                forwards.append(forward)
        without_answer = np.flatnonzero(~np.isfinite(probabilities).all(axis=1)).tolist()
        if len(without_answer) > len(failures):
            failures = dict.fromkeys(without_answer, NotFinite(NOT_FINITE)) | failures
        return Outcome(probabilities, failures, tuple(forwards))

    def _pack(self, rows: Sequence[NDArray[np.int64]]) -> Iterator[PackedBatch]:
        return pack(rows, max_batch_tokens=self.max_batch_tokens, is_padded=self.encoder.is_padded)

    def _run(
        self, batch: PackedBatch, *, rows: Sequence[NDArray[np.int64]], is_whole: bool = True
    ) -> Iterator[tuple[PackedBatch, tuple[NDArray[np.float32], Forward] | RowFailure]]:
        """Runs a batch; if memory runs out, each half once, and if the model refuses, each row."""
        result = self._try_forward(batch)
        is_final = isinstance(result, OutOfMemory) and not is_whole
        if not isinstance(result, RowFailure) or batch.num_rows == 1 or is_final:
            yield batch, result
            return
        is_halved = isinstance(result, OutOfMemory)
        for share in np.array_split(batch.rows, 2 if is_halved else batch.num_rows):
            chosen = [rows[i] for i in share]
            for part in self._pack(chosen):
                placed = PackedBatch(share[part.rows], part.input_ids, part.cu_seqlens)
                if is_halved:
                    yield from self._run(placed, rows=rows, is_whole=False)
                else:
                    yield placed, self._try_forward(placed)

    def _try_forward(self, batch: PackedBatch) -> tuple[NDArray[np.float32], Forward] | RowFailure:
        try:
            return self._forward(batch)
        except RowFailure as error:
            return error

    def _forward(self, batch: PackedBatch) -> tuple[NDArray[np.float32], Forward]:
        start = perf_counter()
        logits = self.encoder.compute_logits(batch)  # (num_rows, num_labels)
        is_multi_label = self.checkpoint.problem_type == "multi_label_classification"
        probabilities = sigmoid(logits) if is_multi_label else softmax(logits)
        num_computed_tokens = self.encoder.num_computed_tokens(batch)
        seconds = perf_counter() - start
        return probabilities, Forward(
            batch.num_rows, batch.num_tokens, num_computed_tokens, seconds
        )


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns (num_rows, num_labels) float32 whose rows have the sum 1."""
    with np.errstate(invalid="ignore"):  # infinite logits give NaN
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Returns (num_rows, num_labels) float32, each from 0 to 1."""
    powers = np.exp(-np.abs(logits))  # at most 1: it cannot overflow
    probabilities: NDArray[np.float32] = np.where(logits < 0, powers, 1) / (1 + powers)
    return probabilities
