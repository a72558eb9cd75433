"""Builds the encoder in C++ (`engine/native`); pyproject.toml holds all else.

It is an ordinary shared library, which `emotion_engine.native` loads with ctypes. Where it cannot
be built (no compiler, no x86-64) the installation goes on without it, and torch computes instead.
"""

import platform
import sys
from glob import glob

from setuptools import Extension, setup

# Nothing outside a processor's AVX-512 code is in the library, and nobody loads it without that.
AVX512 = [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")]
# No contraction: a sum is rounded where the code says, the same in every build.
FLAGS = ["-std=c++17", "-O3", "-fopenmp", "-ffp-contract=off", "-mfma", *AVX512]

NATIVE = Extension(
    "emotion_engine._native",
    sources=["engine/native/encoder.cpp"],
    depends=sorted(glob("engine/native/*.h")),
    extra_compile_args=FLAGS,
    extra_link_args=["-fopenmp"],
    optional=True,
)

can_build = sys.platform == "linux" and platform.machine() == "x86_64"
setup(ext_modules=[NATIVE] if can_build else [])
