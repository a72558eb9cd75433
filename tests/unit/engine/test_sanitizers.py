"""The C++ encoder under GCC's sanitizers: random batches from several threads at once."""

import shutil
import subprocess
from pathlib import Path

import pytest
from emotion_engine.instructions import AVX2, AVX512, choose_instructions

HERE = Path(__file__).parent
SOURCES = (HERE / "random_batches.cpp", HERE.parents[2] / "engine" / "native" / "encoder.cpp")
FLAGS = ("-std=c++17", "-O1", "-g", "-fopenmp", "-ffp-contract=off", "-mfma")
STRICT = "-fno-sanitize-recover=all"  # ends the process at the first finding
# A thread sanitizer does not see OpenMP's own locks; with plain threads it sees every wait.
SANITIZERS = {
    "thread": ("-fsanitize=thread", "-DEMOTION_PLAIN_THREADS"),
    "address-undefined": ("-fsanitize=address,undefined",),
}
BUILDS = {
    "avx2": ("-mavx2",),
    "avx512": tuple(f"-mavx512{part}" for part in ("f", "bw", "dq", "vl", "bf16")),
    "tiles": ("-DEMOTION_LANES=16", "-DEMOTION_SCALAR_TILES"),
}
NEEDED = {"avx2": AVX2, "avx512": AVX512}

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


# The addresses are more random than an older GCC expects; by chance, not always.
TOO_RANDOM = "unexpected memory mapping"


def find_obstacle(flags, *, target):
    """Returns why nothing can be built with these flags, such as a library that is missing."""
    command = ["g++", *flags, "-xc++", "-", "-o", target]
    done = subprocess.run(command, input="int main() {}", capture_output=True, text=True)
    return "; ".join(done.stderr.splitlines()[:1]) if done.returncode else None


@pytest.fixture
def run(tmp_path):
    """Builds with a sanitizer for some instructions, and runs that many batches."""

    def run(sanitizer, build, dtype, *, num_batches):
        wanted = NEEDED.get(build)
        if wanted and choose_instructions(dtype, wanted=wanted.name) is not wanted:
            pytest.skip(f"{wanted.title} does not run here in {dtype}")
        program = tmp_path / "random_batches"
        obstacle = find_obstacle(SANITIZERS[sanitizer], target=program)
        if obstacle is not None:
            pytest.skip(f"GCC's {sanitizer} sanitizer is not installed: {obstacle}")
        flags = (*FLAGS, STRICT, *SANITIZERS[sanitizer], *BUILDS[build])
        subprocess.run(["g++", *flags, *SOURCES, "-o", program], check=True)
        done = subprocess.run([program, dtype, str(num_batches)], capture_output=True, text=True)
        if TOO_RANDOM in done.stderr:
            pytest.skip(f"{done.stderr.strip()} (lower the sysctl vm.mmap_rnd_bits)")
        return done

    return run


def check(result, *, num_batches):
    assert result.stdout == f"{num_batches} batches, 0 rows differ from themselves alone\n"
    assert (result.returncode, result.stderr) == (0, "")


def test_find_obstacle_names_the_library_that_is_missing(tmp_path):
    target = tmp_path / "program"
    assert find_obstacle(("-O0",), target=target) is None
    assert "no_such_library" in find_obstacle(("-lno_such_library",), target=target)


def test_random_batches_from_several_threads_have_no_race(run):
    check(run("thread", "avx2", "float32", num_batches=200), num_batches=200)


@pytest.mark.long
@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize(
    ("build", "dtype", "num_batches"),
    [
        ("avx2", "float32", 10_000),
        ("avx512", "float32", 10_000),
        ("avx512", "bfloat16", 10_000),
        ("tiles", "bfloat16", 200),  # in plain C++, hundreds of times slower
    ],
)
def test_random_batches_are_clean(sanitizer, build, dtype, num_batches, run):
    check(run(sanitizer, build, dtype, num_batches=num_batches), num_batches=num_batches)
