"""The instruction sets that the C++ encoder is built for; each is a library of its own.

setup.py builds them when the package is installed, each with its own compiler flags, so that a
wheel works on other processors than the one that it was built on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from emotion_engine.processor import read_flags

INTERFACE = 3  # INTERFACE of encoder.cpp
_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64
SIGNATURES: dict[str, tuple[list[Any], Any]] = {
    "emotion_interface": ([], ctypes.c_int),
    "emotion_obstacle": ([], ctypes.c_int),
    "emotion_encoder_create": ([_POINTER, _INTEGER, _INTEGER, ctypes.c_char_p], _POINTER),
    "emotion_encoder_run": ([_POINTER] * 4 + [_INTEGER] * 2 + [_POINTER], ctypes.c_int),
    "emotion_encoder_times": ([_POINTER] * 2, None),
    "emotion_encoder_destroy": ([_POINTER], None),
    "emotion_linear": ([_POINTER] * 3 + [_INTEGER] * 3 + [_POINTER], None),
}
"""Name of each function to the types of its arguments and its result."""
OBSTACLES = {
    1: "Linux does not grant {} to this process: that takes Linux 5.16 or later",
    2: "{} computes wrong products on this processor",
}
"""What emotion_obstacle returns to its sentence, for `InstructionSet.title`."""


@dataclass(frozen=True, eq=False)
class InstructionSet:
    """Instructions that one of the libraries uses.

    Attributes:
        name: as in the setting `encoder`, "native-avx2".
        title: as its makers write it, for the log.
        needed: dtype to what the processor must be able to do, in Linux's words.
    """

    name: str
    title: str
    needed: Mapping[str, tuple[str, ...]]

    def find_missing(self, dtype: str) -> str | None:
        """Returns why this processor cannot use it, "the processor has no avx2"; None if it can."""
        if dtype not in self.needed:
            others = " or ".join(self.needed)
            return f"{self.title} has no {dtype} (set dtype to {others})"
        missing = [flag for flag in self.needed[dtype] if flag not in read_flags()]
        return f"the processor has no {missing[0]}" if missing else None


_AVX512 = ("avx512f", "avx512bw", "avx512dq", "avx512vl")
AMX = InstructionSet("amx", "AMX", {"bfloat16": (*_AVX512, "avx512_bf16", "amx_tile", "amx_bf16")})
AVX512 = InstructionSet(
    "avx512", "AVX-512", {"float32": _AVX512, "bfloat16": (*_AVX512, "avx512_bf16")}
)
AVX2 = InstructionSet("avx2", "AVX2", {"float32": ("avx2", "fma")})
INSTRUCTION_SETS = (AMX, AVX512, AVX2)
"""Fastest first."""


def choose_instructions(dtype: str, *, wanted: str | None = None) -> InstructionSet | str:
    """Returns the fastest instruction set that can compute here, or why there is none.

    Args:
        dtype: "float32" or "bfloat16".
        wanted: the name of the only one to try; None tries all.
    """
    tried = [each for each in INSTRUCTION_SETS if wanted in (None, each.name)]
    reasons = []
    for each in tried:
        reason = each.find_missing(dtype)
        if reason is None:
            library = load_library(each)
            if not isinstance(library, str):
                return each
            reason = library
        if dtype in each.needed or wanted:
            reasons.append(reason)
    return reasons[-1]


def find_skipped(chosen: InstructionSet, *, dtype: str) -> tuple[str, ...]:
    """Returns why each faster instruction set that the processor has cannot compute here.

    Args:
        chosen: what `choose_instructions` returned, of all.
        dtype: for which it was chosen.
    """
    faster = INSTRUCTION_SETS[: INSTRUCTION_SETS.index(chosen)]
    found = [load_library(each) for each in faster if each.find_missing(dtype) is None]
    return tuple(reason for reason in found if isinstance(reason, str))


@cache
def load_library(instructions: InstructionSet) -> ctypes.CDLL | str:
    """Returns the library for an instruction set that the processor has, or why it is not usable.

    It was not built, cannot be loaded, has another interface, is not granted by Linux, or does not
    compute what it should.
    """
    title = instructions.title
    spec = find_spec(f"emotion_engine._native_{instructions.name}")
    if spec is None or spec.origin is None:
        return f"it was not built for {title}: install g++, then this package again"
    outdated = f"its library for {title} is of another version: install this package again"
    try:
        library = declare(ctypes.CDLL(spec.origin))
    except OSError as error:
        return f"its library for {title} cannot be loaded: {error}"
    except AttributeError:
        return outdated
    if library.emotion_interface() != INTERFACE:
        return outdated
    obstacle = OBSTACLES.get(library.emotion_obstacle())
    return library if obstacle is None else obstacle.format(title)


def declare(library: ctypes.CDLL) -> ctypes.CDLL:
    """Returns a library after telling ctypes the types of its functions.

    Raises:
        AttributeError: it has no such function.
    """
    for name, (arguments, result) in SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, result
    return library
