"""CUDA graphs: the forward pass of one size, captured once and replayed for every batch.

A replay launches all kernels of a forward pass at once, where the host otherwise needs some
microseconds for each. It repeats the captured kernels on the same memory, with the same shapes and
the same numbers: it knows of a batch only what is copied to the device. So each size has its own
graph, with as many rows for every batch. As PyTorch's notes on CUDA graphs advise
(https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs), inputs have fixed places, a few
runs on another stream come before the capture, and all graphs share one pool of memory. They may,
since only one runs at a time, and its logits are copied before the next.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from emotion_engine.errors import SettingsError
from emotion_engine.packing import PackedBatch

# A row that is empty costs each layer one block of threads per head, which ends at once.
MAX_ROWS = 256
NUM_WARM_UPS = 3

Forward = Callable[[PackedBatch, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Returns logits, (num_rows, num_labels), of a batch, its ids, its positions and its cu_seqlens.

Of the batch itself it uses only the lengths.
"""
Replay = Callable[[], torch.Tensor]
Capture = Callable[[Callable[[], torch.Tensor]], Replay]
"""Runs a function, and returns what repeats its work on the device and returns its result."""


def fix_rows(batch: PackedBatch, *, num_rows: int, max_length: int) -> PackedBatch | None:
    """Returns the same stream as a fixed number of rows; None if it has more, or a longer one.

    Empty rows come first, since even those must begin at a token that exists. Then come the rows of
    the batch, and last the filler, in rows of its own.

    Args:
        batch: any batch.
        num_rows: rows to make of it.
        max_length: tokens of the longest row.
    """
    size, num_tokens = batch.num_computed_tokens, batch.num_tokens
    cuts = np.arange(num_tokens + max_length, size, max_length)
    ends = np.append(cuts, size) if num_tokens < size else cuts
    num_empty = num_rows - batch.num_rows - len(ends)
    if num_empty < 0 or batch.row_lens.max(initial=0) > max_length:
        return None
    cu_seqlens = np.concatenate([np.zeros(num_empty, np.int64), batch.cu_seqlens, ends])
    return PackedBatch(np.arange(num_rows), batch.input_ids, cu_seqlens)


class GraphedForward:
    """A forward pass that is captured for each size of the stream.

    Args:
        forward: what to capture.
        capture: captures it.
        device: where it runs.
        max_length: tokens of the longest row.
    """

    def __init__(
        self, forward: Forward, *, capture: Capture, device: torch.device, max_length: int
    ) -> None:
        self.forward = forward
        self.capture = capture
        self.device = device
        self.max_length = max_length
        self._graphs: dict[int, _Graph | None] = {}

    def compute(self, batch: PackedBatch, positions: NDArray[np.int64]) -> torch.Tensor | None:
        """Returns logits, (num_rows, num_labels), valid until the next call.

        None means that the batch has too many rows for a graph, or that the device had no memory
        to capture it. The first batch of a size pays for the capture: warm up all sizes, the
        largest first, since smaller ones then reuse its memory.

        Args:
            batch: in a stream of a warmed size.
            positions: (num_computed_tokens,) int64.

        Raises:
            SettingsError: this forward pass cannot be captured.
        """
        size = batch.num_computed_tokens
        num_rows = min(size, MAX_ROWS)
        fixed = fix_rows(batch, num_rows=num_rows, max_length=self.max_length)
        if fixed is None:
            return None
        if size not in self._graphs:
            self._graphs[size] = self._try_capture(size, num_rows=num_rows)
        graph = self._graphs[size]
        if graph is None:
            return None
        num_empty = int((fixed.row_lens == 0).sum())
        return graph.run(fixed, positions)[num_empty : num_empty + batch.num_rows]

    def _try_capture(self, size: int, *, num_rows: int) -> _Graph | None:
        """Captures with rows as long as they can be, since the kernel is told only once."""
        blank = PackedBatch(np.empty(0, np.int64), np.zeros(size, np.int64), np.zeros(1, np.int64))
        longest = fix_rows(blank, num_rows=num_rows, max_length=self.max_length)
        assert longest is not None, "no batch of this size has fewer rows"
        try:
            return _Graph(self.forward, longest, capture=self.capture, device=self.device)
        except torch.OutOfMemoryError:
            return None
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise SettingsError(
                f"cuda_graphs is 'on', but a forward pass of {size} tokens cannot be captured "
                f"({reason}); choose 'off'"
            ) from error


class _Graph:
    """The captured forward pass of one size, and the place of its inputs."""

    def __init__(
        self, forward: Forward, longest: PackedBatch, *, capture: Capture, device: torch.device
    ) -> None:
        positions = longest.positions()
        flat = lay_flat(longest, positions)
        self.inputs = flat.to(device)  # one tensor, so that a batch takes one copy
        size = len(positions)
        ids, places, cu_seqlens = (
            self.inputs[:size],
            self.inputs[size : 2 * size],
            self.inputs[2 * size :],
        )
        self.replay = capture(lambda: forward(longest, ids, places, cu_seqlens))

    def run(self, batch: PackedBatch, positions: NDArray[np.int64]) -> torch.Tensor:
        flat = lay_flat(batch, positions)
        if self.inputs.is_cuda:
            flat = flat.pin_memory()  # else the copy would block the host
        self.inputs.copy_(flat, non_blocking=True)
        return self.replay()


def lay_flat(batch: PackedBatch, positions: NDArray[np.int64]) -> torch.Tensor:
    """Returns all that a forward pass reads of a batch, laid end to end."""
    return torch.from_numpy(np.concatenate([batch.input_ids, positions, batch.cu_seqlens]))


class CudaCapture:
    """Captures functions as CUDA graphs with one stream and one pool of memory.

    Args:
        device: where they run.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device

    @cached_property
    def _stream(self) -> torch.cuda.Stream:
        return torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    @cached_property
    def _pool(self) -> Any:
        return torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], torch.Tensor]) -> Replay:
        """Captures a function; see `Capture`."""
        with torch.cuda.device(self.device):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(NUM_WARM_UPS):
                    function()
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream):
                output = function()

        def replay() -> torch.Tensor:
            graph.replay()
            return output

        return replay
