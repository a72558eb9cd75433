"""The settings of the models, from config.pbtxt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Self

from emotion_engine.errors import SettingsError
from emotion_engine.instructions import INSTRUCTION_SETS

DTYPES = ("auto", "bfloat16", "float32")
NATIVE_ENCODERS = ("native", *(f"native-{each.name}" for each in INSTRUCTION_SETS))
ENCODERS = ("auto", *NATIVE_ENCODERS, "torch", "padded")
CUDA_GRAPHS = ("off", "on")


@dataclass(frozen=True, kw_only=True)
class CheckpointSettings:
    """The `parameters` of a model that only reads the checkpoint.

    Attributes:
        checkpoint: checkpoint folder, relative to the model's folder.
    """

    checkpoint: str

    @classmethod
    def from_model_config(cls, document: str) -> Self:
        """Reads settings from a model's configuration.

        Args:
            document: config.pbtxt as JSON, as Triton passes it to a Python model.

        Raises:
            SettingsError: a parameter is missing, unknown, not of its type or out of range.
        """
        parameters = json.loads(document)["parameters"]
        return cls.from_parameters({name: p["string_value"] for name, p in parameters.items()})

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, str]) -> Self:
        """Reads settings from strings.

        Args:
            parameters: name to value, as in config.pbtxt.

        Raises:
            SettingsError: a parameter is missing, unknown, not of its type or out of range.
        """
        known = {field.name: field.type for field in fields(cls)}
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise SettingsError(f"unknown parameter {unknown[0]!r}; known are {', '.join(known)}")
        missing = [f.name for f in fields(cls) if f.default is MISSING and f.name not in parameters]
        if missing:
            raise SettingsError(f"the parameter {missing[0]!r} is missing")
        values: dict[str, Any] = {
            name: _parse(name, text, kind=known[name]) for name, text in parameters.items()
        }
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class EngineSettings(CheckpointSettings):
    """The `parameters` of the model `emotion`.

    Attributes:
        dtype: "bfloat16", "float32", or "auto": bfloat16 if the device and `encoder` have it in
            hardware; "native-avx2" does not.
        encoder: "native" (C++; needs a CPU with AVX2 and BERT, DistilBERT, RoBERTa or
            XLM-RoBERTa), "native-avx2" and so on (C++ with these instructions), "torch" (without
            padding where possible), "padded" (transformers' own model), or "auto": native if it
            can run, else torch.
        max_batch_tokens: maximum tokens per forward pass; larger batches take several. 0 is 8,192
            in C++, and in torch 2,048 on a CPU and 16,384 on a GPU.
        num_threads: CPU threads of a forward pass, at most one for each core that the process may
            use (see `processor.count_cores`); 0 is as many.
        cuda_graphs: "on" launches all kernels of a forward pass at once (see `graphs`); it needs a
            GPU, where the model runs packed with FlashAttention. "off" launches one by one.
    """

    checkpoint: str = "1/checkpoint"
    dtype: str = "auto"
    encoder: str = "auto"
    max_batch_tokens: int = 0
    num_threads: int = 0
    cuda_graphs: str = "off"

    def __post_init__(self) -> None:
        allowed = {"dtype": DTYPES, "encoder": ENCODERS, "cuda_graphs": CUDA_GRAPHS}
        for name, choices in allowed.items():
            value = getattr(self, name)
            if value not in choices:
                raise SettingsError(f"{name} is {value!r}; choose one of {', '.join(choices)}")
        for name in ("max_batch_tokens", "num_threads"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 0 or more")


def _parse(name: str, text: str, *, kind: object) -> str | int:
    if kind != "int":
        return text
    try:
        return int(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}; it must be an integer") from None
