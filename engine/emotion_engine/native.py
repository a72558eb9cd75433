"""The encoder in C++ (`engine/native`): BERT and similar models, on processors with AVX-512.

setup.py builds it when the package is installed. Where it cannot run (see `find_obstacle`),
`PackedEncoder` computes the same in torch.
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
"""Name of each function to the types of its arguments and its result."""
NEEDED = {
    torch.float32: ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl"),
    torch.bfloat16: ("avx512_f", "avx512_bw", "avx512_dq", "avx512_vl", "avx512_bf16"),
}


class NativeEncoder:
    """Base model in C++ on the real tokens of a batch; head in torch with linear layers in C++.

    A row's answer is bit-identical for any batch and any number of threads: each sum is computed
    in a fixed order and depends only on the row.

    Args:
        model: a model for which `find_obstacle` returns None.
        dtype: float32 or bfloat16; sums, norms and the residual stream are always float32.
    """

    is_padded = False
    # Two cores, 64 lyrics, 5,893 tokens: 163 ms at 1,024 and 2,048 tokens per forward, 157 at
    # 4,096, 153 at 8,192 (2026-11): at the end of each forward, threads wait for the last one.
    default_batch_tokens = 8192

    def __init__(self, model: Any, *, dtype: torch.dtype) -> None:
        library = load_library()
        assert library is not None  # find_obstacle has checked
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


def find_obstacle(model: Any, *, device: torch.device, dtype: torch.dtype) -> str | None:
    """Returns why the encoder in C++ cannot run a model here; None if it can.

    Args:
        model: any model for sequence classification of transformers.
        device: where to run.
        dtype: float32 or bfloat16. Not bfloat16 on a processor with AMX, which torch uses and this
            code does not.
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
        return "it cannot use the processor's AMX for bfloat16, which torch does"
    if load_library() is None:
        return "it was not built: install g++, then this package again"
    activation = getattr(config, "hidden_act", None) or config.activation
    hidden_size = config.hidden_size
    intermediate_size = LAYOUTS[config.model_type](model).intermediate_size
    head_size = hidden_size // config.num_attention_heads
    if config.num_hidden_layers < 1 or getattr(config, "is_decoder", False):
        return "it has no code for decoders or for models without layers"
    if activation != "gelu" or hidden_size % 64 or intermediate_size % 64 or head_size % 16:
        return (
            f"it has no code for activation {activation}, hidden size {hidden_size}, "
            f"intermediate size {intermediate_size} and heads of {head_size}"
        )
    return None


@cache
def load_library() -> ctypes.CDLL | None:
    """Returns the library in C++; None if it was not built or has another interface."""
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
    """A linear layer of a head; each sum is computed in a fixed order."""

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
        """Returns the embedding of token type 0, (hidden_size,) float32."""
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
    """Where `DistilBertModel` keeps its weights; its code has a fixed epsilon."""

    def __init__(self, model: Any) -> None:
        self.embeddings = model.base_model.embeddings
        self.blocks = list(model.base_model.transformer.layer)
        self.intermediate_size = model.config.hidden_dim
        self.epsilon = 1e-12

    def token_type(self) -> NDArray[np.float32]:
        """Returns zeros: there are no token types."""
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
    """The weights of a model as a `_Description`, and the arrays that it points to."""

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
