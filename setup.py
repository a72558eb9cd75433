"""Builds the encoder in C++ (`engine/native`); pyproject.toml has everything else.

It is a shared library that `emotion_engine.native` loads with ctypes. If it cannot be built (no
compiler, or not x86-64), the installation succeeds without it, and torch computes instead.
"""

import platform
import sys
from glob import glob

from setuptools import Extension, setup

# The whole library needs AVX-512; emotion_engine.native checks the processor before using it.
AVX512 = [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")]
# No contraction: rounding happens where the code says, in every build alike.
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
