"""Builds what is in C++; pyproject.toml has everything else.

Both are shared libraries that Python loads with ctypes. If one cannot be built, the installation
succeeds without it: without the encoder (`engine/native`; it needs x86-64), torch computes instead;
without the door (`server/native`; it needs libnghttp2-dev), serve.py says so and does not serve. A
library of older sources never stays.
"""

import platform
import sys
from glob import glob
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# No contraction: rounding happens where the code says, in every build alike.
FLAGS = ["-std=c++17", "-O3", "-fopenmp", "-ffp-contract=off", "-mfma"]
AVX512 = [f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")]
# A library for each instruction set; emotion_engine.instructions chooses what the processor has.
INSTRUCTION_SETS = {
    "amx": [*AVX512, "-mamx-tile", "-mamx-bf16"],
    "avx512": AVX512,
    "avx2": ["-mavx2"],
}

NATIVE = [
    Extension(
        f"emotion_engine._native_{name}",
        sources=["engine/native/encoder.cpp"],
        depends=sorted(glob("engine/native/*.h")),
        extra_compile_args=[*FLAGS, *flags],
        extra_link_args=["-fopenmp"],
        optional=True,
    )
    for name, flags in INSTRUCTION_SETS.items()
]

DOOR = Extension(
    "emotion_server._door",
    sources=["server/native/door.cpp"],
    depends=sorted(glob("server/native/*.h")),
    extra_compile_args=["-std=c++17", "-O2"],
    libraries=["nghttp2"],
    optional=True,
)


class BuildAnew(build_ext):
    """Removes each library before it is built: one that cannot be built would stay as it was."""

    def run(self) -> None:
        """Builds all that can be built."""
        for extension in self.extensions:
            Path(self.build_lib, self.get_ext_filename(extension.name)).unlink(missing_ok=True)
            if self.inplace:  # an editable installation: it is copied into the checkout
                Path(self.get_ext_fullpath(extension.name)).unlink(missing_ok=True)
        super().run()


is_linux = sys.platform == "linux"
is_x86 = platform.machine() == "x86_64"
setup(
    ext_modules=NATIVE * (is_linux and is_x86) + [DOOR] * is_linux,
    cmdclass={"build_ext": BuildAnew},
)
