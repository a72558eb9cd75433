"""The encoder in C++ (`engine/native`): BERT and similar models, on x86-64 processors.

Where it cannot run (see `find_obstacle`), `PackedEncoder` computes the same in torch.
"""

from __future__ import annotations

import ctypes
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from emotion_engine.errors import OutOfMemory
from emotion_engine.instructions import InstructionSet, load_library
from emotion_engine.layout import LAYOUTS, Layout
from emotion_engine.packing import PackedBatch
from emotion_engine.processor import count_cores

NO_MEMORY = 1  # what emotion_encoder_run returns
PARTS = ("linear", "attention", "norms and rounding", "waiting")  # `Part` of encoder.cpp
WEIGHTS = "model.safetensors"
READABLE = ("F32", "F16")  # dtypes of weights, in safetensors' words; numpy has no bfloat16


class NativeEncoder:
    """Base model and head in C++ on the real tokens of a batch.

    A row's answer is bit-identical for any batch and any number of threads: each sum is computed
    in a fixed order and depends only on the row.

    Args:
        folder: a checkpoint for which `find_obstacle` returns None.
        dtype: "float32" or "bfloat16"; sums, norms, the residual stream and the head are always
            float32.
        num_threads: threads of a forward pass.
        instructions: what it computes with, from `choose_instructions`.
        skipped: why faster instructions of this processor are not used, for the log.
    """

    is_padded, end_id = False, 0
    # Two cores, 64 lyrics, 5,893 tokens: 163 ms at 1,024 and 2,048 tokens per forward, 157 at
    # 4,096, 153 at 8,192 (2026-11): at the end of each forward, threads wait for the last one.
    default_batch_tokens = 8192

    def __init__(
        self,
        folder: Path,
        *,
        dtype: str,
        num_threads: int,
        instructions: InstructionSet,
        skipped: Sequence[str] = (),
    ) -> None:
        library = load_library(instructions)
        assert not isinstance(library, str)  # choose_instructions has checked
        self.library = library
        self.instructions = instructions
        self.skipped = skipped
        self.num_threads = num_threads
        self.config = read_config(folder)
        layout = LAYOUTS[self.config["model_type"]]
        self.activation = layout.activation
        self.hidden_size = self.config[layout.hidden]
        with safe_open(folder / WEIGHTS, framework="numpy") as file:
            self.head = [_read_pair(file, name) for name in layout.head]
            weights = _Weights(file, layout=layout, config=self.config)
        self.handle = self.library.emotion_encoder_create(
            ctypes.byref(weights.description), *weights.table_sizes, dtype.encode()
        )
        if not self.handle:
            raise MemoryError("no memory for the weights of the encoder")

    def __str__(self) -> str:
        threads = f"{self.num_threads} threads" if self.num_threads > 1 else "1 thread"
        parts = f"{self.instructions.title}, {threads}, may use {count_cores()} cores"
        return f"encoder in C++ ({'; '.join((parts, *self.skipped))})"

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self.library.emotion_encoder_destroy(self.handle)

    def compute_logits(self, batch: PackedBatch) -> NDArray[np.float32]:
        """Returns logits; see `Encoder.compute_logits`."""
        pooled = np.empty((batch.num_rows, self.hidden_size), dtype=np.float32)
        positions = self._find_positions(batch)
        failed = self.library.emotion_encoder_run(
            self.handle,
            batch.input_ids.ctypes.data,
            positions.ctypes.data,
            batch.cu_seqlens.ctypes.data,
            batch.num_rows,
            self.num_threads,
            pooled.ctypes.data,
        )
        if failed == NO_MEMORY:
            raise OutOfMemory(f"the machine has no memory for {batch}")
        if failed:
            raise IndexError("an id or a position is beyond the model's embeddings")
        first, second = self.head
        return self._multiply(self.activation(self._multiply(pooled, *first)), *second)

    def _find_positions(self, batch: PackedBatch) -> NDArray[np.int64]:
        if "roberta" in self.config["model_type"]:
            return batch.positions_after(self.config["pad_token_id"])
        return batch.positions()

    def _multiply(
        self, rows: NDArray[np.float32], weight: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        results = np.empty((len(rows), len(weight)), dtype=np.float32)
        self.library.emotion_linear(
            *(x.ctypes.data for x in (rows, weight, bias)),
            len(rows),
            *weight.shape[::-1],
            results.ctypes.data,
        )
        return results

    def read_times(self) -> dict[str, float]:
        """Returns kind of work to seconds so far, summed over all threads."""
        nanoseconds = (ctypes.c_int64 * len(PARTS))()
        self.library.emotion_encoder_times(self.handle, nanoseconds)
        return {part: 1e-9 * each for part, each in zip(PARTS, nanoseconds, strict=True)}

    def sizes_to_warm(self, max_batch_tokens: int) -> tuple[int, ...]:
        """Returns one size: the threads must start, but nothing is prepared per size."""
        return (max_batch_tokens,)

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the number of real tokens, which are all it computes."""
        return batch.num_tokens


def find_obstacle(folder: Path, *, device: str) -> str | None:
    """Returns why the encoder in C++ cannot run a checkpoint on a device; None if it can.

    Args:
        folder: a checkpoint of any model for sequence classification of transformers.
        device: where to run, such as "cpu" or "cuda:0".
    """
    config = read_config(folder)
    layout = LAYOUTS.get(str(config.get("model_type")))
    if layout is None:
        return f"it has no code for {config.get('model_type')}"
    if not device.startswith("cpu"):
        return f"it has no code for {device.partition(':')[0]}"
    return layout.find_obstacle(config) or _find_unreadable(folder, layout=layout, config=config)


def read_config(folder: Path) -> dict[str, Any]:
    """Returns config.json."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config


def _find_unreadable(folder: Path, *, layout: Layout, config: dict[str, Any]) -> str | None:
    """Returns which weights cannot be read without transformers."""
    if not (folder / WEIGHTS).is_file():
        return f"there is no {WEIGHTS}"
    shapes = layout.shapes(config)
    head = [f"{name}.{part}" for name in layout.head for part in ("weight", "bias")]
    with safe_open(folder / WEIGHTS, framework="numpy") as file:
        names = set(file.keys())
        for name in (*shapes, *head):
            if name not in names:
                return f"{WEIGHTS} has no {name}"
            shape, expected = file.get_slice(name).get_shape(), shapes.get(name)
            if expected is not None and shape[-len(expected) :] != expected:
                return f"config.json does not fit the shape of {name}, {shape}"
            dtype = file.get_slice(name).get_dtype()
            if dtype not in READABLE:
                return f"it cannot read weights in {dtype}"
    return None


def _read(file: Any, name: str) -> NDArray[np.float32]:
    return np.ascontiguousarray(file.get_tensor(name), dtype=np.float32)


def _read_pair(file: Any, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return _read(file, f"{name}.weight"), _read(file, f"{name}.bias")


class _Description(ctypes.Structure):
    """`Description` of encoder.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("layers", "hidden", "heads", "intermediate")),
        ("epsilon", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("words", "positions", "norm_weight", "norm_bias")),
        ("weights", ctypes.c_void_p),
    )


class _Weights:
    """The weights of a checkpoint as a `_Description`, and the arrays that it points to."""

    def __init__(self, file: Any, *, layout: Layout, config: dict[str, Any]) -> None:
        words, positions = (_read(file, name) for name in layout.tables())
        if layout.token_types() in file.keys():  # noqa: SIM118 - it is no dict
            positions = positions + _read(file, layout.token_types())[0]
        self.table_sizes = (len(words), len(positions))
        num_layers = config[layout.num_layers]
        pairs = (_read_pair(file, name) for name in layout.pairs(num_layers))
        self.arrays = [words, positions, *(array for pair in pairs for array in pair)]
        addresses = [array.ctypes.data for array in self.arrays]
        self.of_layers = (ctypes.c_void_p * len(addresses[4:]))(*addresses[4:])
        epsilon = layout.epsilon if isinstance(layout.epsilon, float) else config[layout.epsilon]
        self.description = _Description(
            num_layers,
            config[layout.hidden],
            config[layout.num_heads],
            config[layout.intermediate],
            epsilon,
            *addresses[:4],
            ctypes.addressof(self.of_layers),
        )
