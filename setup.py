"""Builds what is in C++; pyproject.toml has everything else.

Both are shared libraries that Python loads with ctypes. If one cannot be built, the installation
succeeds without it: without the encoder (`engine/native`; it needs x86-64), torch computes instead;
without the door (`server/native`; it needs libnghttp2-dev), serve.py says so and does not serve.
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

DOOR = Extension(
    "emotion_server._door",
    sources=["server/native/door.cpp"],
    depends=sorted(glob("server/native/*.h")),
    extra_compile_args=["-std=c++17", "-O2"],
    libraries=["nghttp2"],
    optional=True,
)

is_linux = sys.platform == "linux"
is_x86 = platform.machine() == "x86_64"
setup(ext_modules=[NATIVE] * (is_linux and is_x86) + [DOOR] * is_linux)
