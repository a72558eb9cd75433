"""The model that turns a packed batch into logits.

`NativeEncoder` (C++) and `PackedEncoder` (torch) compute only real tokens. `PaddedEncoder` runs
every architecture that has no entry in `PACKED_HEADS`. All have the same interface. torch and
transformers are imported only where they compute: that takes seconds, and hundreds of MiB.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from emotion_engine.errors import SettingsError
from emotion_engine.instructions import choose_instructions, find_skipped
from emotion_engine.native import NativeEncoder, find_obstacle
from emotion_engine.packing import PackedBatch
from emotion_engine.processor import choose_num_threads

DEFAULT_MAX_LENGTH = 128


class Encoder(Protocol):
    """Turns a packed batch into logits; `str` of it is a short description for the log.

    Attributes:
        is_padded: whether every row costs as much as the longest of its batch.
        default_batch_tokens: tokens per forward pass; more would not be faster.
        end_id: what a row must end with, or 0 where any row can be computed.
    """

    is_padded: bool
    end_id: int
    default_batch_tokens: int

    def sizes_to_warm(self, max_batch_tokens: int) -> tuple[int, ...]:
        """Returns the token counts to run once before the first request."""

    def compute_logits(self, batch: PackedBatch) -> NDArray[np.float32]:
        """Returns (num_rows, num_labels) float32, in the order of the batch.

        Raises:
            OutOfMemory: the device has no memory for this batch.
            ForwardRefused: the model cannot compute these rows together, or not at all.
        """

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns how many tokens the forward pass of a batch computes."""


def load_encoder(
    folder: Path,
    *,
    device: str,
    dtype: str,
    wanted: str = "auto",
    num_threads: int = 0,
    max_length: int = DEFAULT_MAX_LENGTH,
    has_graphs: bool = False,
) -> Encoder:
    """Loads the model of a checkpoint folder: safetensors only, no remote code.

    Args:
        folder: a prepared checkpoint.
        device: where to run, such as "cpu" or "cuda:0".
        dtype: "float32" or "bfloat16".
        wanted: as `EngineSettings.encoder`.
        num_threads: as `EngineSettings.num_threads`.
        max_length: tokens of the longest row that it will get.
        has_graphs: launch a forward pass as one CUDA graph.

    Raises:
        SettingsError: `wanted` is "native", or CUDA graphs are wanted, which cannot run here.
    """
    if has_graphs and not device.startswith("cuda"):
        raise SettingsError(f"cuda_graphs is 'on', but the device is {device}; choose 'off'")
    name, _, instruction_set = wanted.partition("-")
    reason = "chosen"
    if name in ("auto", "native"):  # else no library in C++ is even loaded
        obstacle = find_obstacle(folder, device=device)
        found = obstacle or choose_instructions(dtype, wanted=instruction_set or None)
        if not isinstance(found, str):
            return NativeEncoder(
                folder,
                dtype=dtype,
                num_threads=choose_num_threads(num_threads),
                instructions=found,
                skipped=() if instruction_set else find_skipped(found, dtype=dtype),
            )
        if name == "native":
            raise SettingsError(f"encoder is {wanted!r}, but {found}; choose 'auto' or 'torch'")
        reason = f"no C++: {found}"
    from emotion_engine.torch_encoder import load_torch_encoder

    return load_torch_encoder(
        folder,
        device=device,
        dtype=dtype,
        is_padded=wanted == "padded",
        num_threads=num_threads,
        max_length=max_length,
        reason=reason,
        has_graphs=has_graphs,
    )
