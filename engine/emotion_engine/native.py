"""The encoder in C++ (`engine/native`), for BERT's kin on processors with AVX-512.

setup.py builds it when the package is installed. `find_obstacle` says where it cannot be used:
there `PackedEncoder` computes the same in torch.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from emotion_engine.heads import PACKED_HEADS
from emotion_engine.packing import PackedBatch

LIBRARY = "emotion_engine._native"
INTERFACE = 1  # INTERFACE of encoder.cpp
NO_MEMORY = 1  # what emotion_encoder_run returns
NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
PARTS = ("linear", "attention", "norms and rounding", "waiting")  # `Part` of encoder.cpp
_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64
SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "emotion_interface": ([], ctypes.c_int),
    "emotion_encoder_create": ([_POINTER, _INTEGER, _INTEGER, ctypes.c_char_p], _POINTER),
    "emotion_encoder_run": ([_POINTER] * 4 + [_INTEGER] * 2 + [_POINTER], ctypes.c_int),
    "emotion_encoder_times": ([_POINTER] * 2, None),
    "emotion_encoder_destroy": ([_POINTER], None),
    "emotion_linear": ([_POINTER] * 3 + [_INTEGER] * 3 + [_POINTER], None),
}
"""Function of the library to the types of its arguments and of its result."""
NEEDED = {
    torch.float32: ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"),
    torch.bfloat16: ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl", "avx512_bf16"),
}


class NativeEncoder:
    """Base model in C++ on the real tokens of a batch, head in torch with its products in C++.

    A row's answer has the same bits whatever shares its batch and however many threads there are:
    every sum runs in one order, and nothing but the row itself goes into it.

    Args:
        model: a model that `find_obstacle` has nothing against.
        dtype: float32 or bfloat16; sums, norms and the residual stream are float32 in both.
    """

    is_padded = False
    # Two cores, 64 lyrics of 5,893 tokens: 163 ms at 1,024 and 2,048 a forward, 157 at 4,096, 153
    # at 8,192 (2026-11): at the end of each, threads wait for the last one.
    default_batch_tokens = 8192

    def __init__(self, model: Any, *, dtype: torch.dtype) -> None:
        library = load_library()
        assert library is not None  # find_obstacle has looked
        self.library = library
        self.hidden_size = model.config.hidden_size
        self.head = PACKED_HEADS[model.config.model_type](model)
        _replace_linears(self.head, library=library)
        weights = _Weights(model)
        self.handle = self.library.emotion_encoder_create(
            ctypes.byref(weights.description),
            *weights.table_sizes,
            NAMES[dtype].encode(),
        )
        if not self.handle:
            raise MemoryError("no memory for the weights of the encoder")

    def __str__(self) -> str:
        return "encoder in C++"

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self.library.emotion_encoder_destroy(self.handle)

    def compute_logits(self, batch: PackedBatch) -> torch.Tensor:
        """Returns logits; see `Encoder.compute_logits`."""
        pooled = np.empty((batch.num_rows, self.hidden_size), dtype=np.float32)
        positions = self.head.positions(batch)
        failed = self.library.emotion_encoder_run(
            self.handle,
            batch.input_ids.ctypes.data,
            positions.ctypes.data,
            batch.cu_seqlens.ctypes.data,
            batch.num_rows,
            torch.get_num_threads(),
            pooled.ctypes.data,
        )
        if failed == NO_MEMORY:
            raise MemoryError(f"no memory for {batch.num_tokens} tokens")
        if failed:
            raise IndexError("an id or a position is beyond the model's embeddings")
        logits: torch.Tensor = self.head.classify(torch.from_numpy(pooled))
        return logits

    def read_times(self) -> dict[str, float]:
        """Returns kind of work to the seconds that all threads together spent on it so far."""
        nanoseconds = (ctypes.c_int64 * len(PARTS))()
        self.library.emotion_encoder_times(self.handle, nanoseconds)
        return {part: 1e-9 * each for part, each in zip(PARTS, nanoseconds, strict=True)}

    def sizes_to_warm(self, max_batch_tokens: int) -> tuple[int, ...]:
        """Returns the largest size, which starts the threads: it prepares nothing for a size."""
        return (max_batch_tokens,)

    def num_computed_tokens(self, batch: PackedBatch) -> int:
        """Returns the number of real tokens: it computes no others."""
        return batch.num_tokens


def find_obstacle(model: Any, *, device: torch.device, dtype: torch.dtype) -> str | None:
    """Returns why the encoder in C++ cannot run a model here, None if it can.

    Args:
        model: any model for sequence classification of transformers.
        device: where it is to run.
        dtype: float32 or bfloat16. On a processor with AMX torch multiplies bfloat16 with that, and
            this code could not.
    """
    config = model.config
    if config.model_type not in LAYOUTS:
        return f"it has no code for {config.model_type}"
    if device.type != "cpu":
        return f"it has no code for {device.type}"
    capabilities = torch.cpu.get_capabilities()
    missing = [name for name in NEEDED[dtype] if not capabilities.get(name)]
    if missing:
        return f"the processor has no {missing[0]}"
    if dtype == torch.bfloat16 and capabilities.get("amx_bf16"):
        return "torch uses the processor's AMX for bfloat16, and it could not"
    if load_library() is None:
        return "it was not built: install g++, then this package again"
    activation = getattr(config, "hidden_act", None) or config.activation
    hidden_size = config.hidden_size
    intermediate_size = LAYOUTS[config.model_type](model).intermediate_size
    head_size = hidden_size // config.num_attention_heads
    if config.num_hidden_layers < 1 or getattr(config, "is_decoder", False):
        return "it has no code for decoders, nor for models without layers"
    if activation != "gelu" or hidden_size % 64 or intermediate_size % 64 or head_size % 16:
        return (
            f"it has no code for activation {activation}, hidden size {hidden_size}, "
            f"intermediate size {intermediate_size} and heads of {head_size}"
        )
    return None


@cache
def load_library() -> ctypes.CDLL | None:
    """Returns the library in C++; None where it was not built, or with another interface."""
    spec = find_spec(LIBRARY)
    if spec is None or spec.origin is None:
        return None
    try:
        library = ctypes.CDLL(spec.origin)
        for name, (arguments, result) in SIGNATURES.items():
            function = getattr(library, name)
            function.argtypes, function.restype = arguments, result
    except (OSError, AttributeError):
        return None
    return library if library.emotion_interface() == INTERFACE else None


class _Linear(nn.Module):
    """A linear layer of a head: each of its sums runs in one order, in any company."""

    def __init__(self, linear: nn.Linear, *, library: ctypes.CDLL) -> None:
        super().__init__()
        self.weight, self.bias = _numbers(linear.weight), _numbers(linear.bias)
        self.library = library

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Returns (num_rows, outputs) float32, for (num_rows, inputs) float32."""
        given = rows.contiguous().numpy()
        results = np.empty((len(given), len(self.weight)), dtype=np.float32)
        arrays = (given, self.weight, self.bias)
        self.library.emotion_linear(
            *(x.ctypes.data for x in arrays),
            len(given),
            *self.weight.shape[::-1],
            results.ctypes.data,
        )
        return torch.from_numpy(results)


def _replace_linears(head: nn.Module, *, library: ctypes.CDLL) -> None:
    for name, module in [*head.named_modules()]:
        if isinstance(module, nn.Linear):
            head.set_submodule(name, _Linear(module, library=library))


class _BertLayout:
    """Where `BertModel` and `RobertaModel` keep their weights."""

    def __init__(self, model: Any) -> None:
        self.embeddings = model.base_model.embeddings
        self.blocks = list(model.base_model.encoder.layer)
        self.intermediate_size = model.config.intermediate_size
        self.epsilon = model.config.layer_norm_eps

    def token_type(self) -> NDArray[np.float32]:
        """Returns what every token has added for its type, (hidden_size,) float32."""
        types = _numbers(self.embeddings.token_type_embeddings.weight)
        first: NDArray[np.float32] = types[0]
        return first

    def modules(self, block: Any) -> tuple[nn.Module, ...]:
        """Returns a layer's linear layers and norms, in the order of computation."""
        own = block.attention.self
        return (
            *(own.query, own.key, own.value, block.attention.output.dense),
            *(block.attention.output.LayerNorm, block.intermediate.dense),
            *(block.output.dense, block.output.LayerNorm),
        )


class _DistilBertLayout:
    """Where `DistilBertModel` keeps its weights; its epsilon is written in its code."""

    def __init__(self, model: Any) -> None:
        self.embeddings = model.base_model.embeddings
        self.blocks = list(model.base_model.transformer.layer)
        self.intermediate_size = model.config.hidden_dim
        self.epsilon = 1e-12

    def token_type(self) -> NDArray[np.float32]:
        """Returns zeros: there are no types."""
        return np.zeros(self.embeddings.word_embeddings.embedding_dim, dtype=np.float32)

    def modules(self, block: Any) -> tuple[nn.Module, ...]:
        """Returns a layer's linear layers and norms, in the order of computation."""
        own = block.attention
        return (
            *(own.q_lin, own.k_lin, own.v_lin, own.out_lin, block.sa_layer_norm),
            *(block.ffn.lin1, block.ffn.lin2, block.output_layer_norm),
        )


LAYOUTS: dict[str, type[_BertLayout | _DistilBertLayout]] = {
    "bert": _BertLayout,
    "distilbert": _DistilBertLayout,
    "roberta": _BertLayout,
    "xlm-roberta": _BertLayout,
}


class _Description(ctypes.Structure):
    """`Description` of encoder.cpp."""

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("layers", "hidden", "heads", "intermediate")),
        ("epsilon", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("words", "positions", "norm_weight", "norm_bias")),
        ("weights", ctypes.c_void_p),
    )


class _Weights:
    """The weights of a model as `_Description`, and the arrays it points to."""

    def __init__(self, model: Any) -> None:
        layout = LAYOUTS[model.config.model_type](model)
        embeddings = layout.embeddings
        words = _numbers(embeddings.word_embeddings.weight)
        positions = _numbers(embeddings.position_embeddings.weight) + layout.token_type()
        self.table_sizes = (len(words), len(positions))
        modules = [module for block in layout.blocks for module in layout.modules(block)]
        self.arrays = [words, positions, *_parameters([embeddings.LayerNorm, *modules])]
        addresses = [array.ctypes.data for array in self.arrays]
        self.of_layers = (ctypes.c_void_p * len(addresses[4:]))(*addresses[4:])
        self.description = _Description(
            len(layout.blocks),
            model.config.hidden_size,
            model.config.num_attention_heads,
            layout.intermediate_size,
            layout.epsilon,
            *addresses[:4],
            ctypes.addressof(self.of_layers),
        )


def _parameters(modules: list[Any]) -> Iterator[NDArray[np.float32]]:
    for module in modules:
        yield _numbers(module.weight)
        yield _numbers(module.bias)


def _numbers(tensor: torch.Tensor) -> NDArray[np.float32]:
    numbers: NDArray[np.float32] = tensor.detach().contiguous().float().numpy()
    return numbers
