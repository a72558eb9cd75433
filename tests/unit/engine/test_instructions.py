"""The instruction sets of the C++ encoder: which one is chosen, and that all compute the same."""

import ctypes
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from emotion_engine import instructions, native
from emotion_engine.instructions import (
    AMX,
    AVX2,
    AVX512,
    INSTRUCTION_SETS,
    INTERFACE,
    SIGNATURES,
    choose_instructions,
    declare,
    find_skipped,
    load_library,
)
from emotion_engine.native import NativeEncoder
from emotion_engine.packing import pack
from emotion_engine.processor import read_flags
from transformers import AutoModelForSequenceClassification, BertConfig

ENCODER = Path(__file__).parents[3] / "engine" / "native" / "encoder.cpp"
ALL_FLAGS = {flag for each in INSTRUCTION_SETS for flags in each.needed.values() for flag in flags}
FLAGS = ("-std=c++17", "-O0", "-fopenmp", "-ffp-contract=off", "-mfma", "-shared", "-fPIC")

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no g++")


@pytest.fixture
def flags(monkeypatch):
    """The flags of a processor that has everything, with all libraries; a test may change them."""
    found = set(ALL_FLAGS)
    monkeypatch.setattr(instructions, "read_flags", lambda: found)
    monkeypatch.setattr(instructions, "load_library", lambda _: object())
    return found


# Which one is chosen.


@pytest.mark.parametrize(
    ("dtype", "lacking", "expected"),
    [
        pytest.param("bfloat16", (), AMX, id="bfloat16-all"),
        pytest.param("bfloat16", ("amx_bf16",), AVX512, id="bfloat16-without-amx_bf16"),
        pytest.param("bfloat16", ("amx_tile",), AVX512, id="bfloat16-without-amx_tile"),
        pytest.param("float32", (), AVX512, id="float32-all"),
        pytest.param("float32", ("avx512_bf16", "amx_bf16"), AVX512, id="float32-without-bfloat16"),
        pytest.param("float32", ("avx512f",), AVX2, id="float32-without-avx512f"),
        pytest.param("float32", ("avx512vl",), AVX2, id="float32-without-avx512vl"),
    ],
)
def test_choose_instructions_takes_the_fastest(dtype, lacking, expected, flags):
    flags -= set(lacking)
    assert choose_instructions(dtype) is expected


@pytest.mark.parametrize(
    ("dtype", "lacking"),
    [
        ("bfloat16", "avx512_bf16"),
        ("bfloat16", "avx512f"),
        ("float32", "avx2"),
        ("float32", "fma"),
    ],
)
def test_choose_instructions_none_names_what_is_missing(dtype, lacking, flags):
    flags -= {lacking, "avx512bw"} if dtype == "float32" else {lacking}
    assert choose_instructions(dtype) == f"the processor has no {lacking}"


@pytest.mark.parametrize(
    ("dtype", "wanted", "expected"),
    [
        pytest.param("bfloat16", "avx512", AVX512, id="bfloat16-avx512"),
        pytest.param("float32", "avx2", AVX2, id="float32-avx2"),
        pytest.param(
            "bfloat16", "avx2", "AVX2 has no bfloat16 (set dtype to float32)", id="bfloat16-avx2"
        ),
        pytest.param(
            "float32", "amx", "AMX has no float32 (set dtype to bfloat16)", id="float32-amx"
        ),
    ],
)
def test_choose_instructions_wanted_is_the_only_one_tried(dtype, wanted, expected, flags):
    assert choose_instructions(dtype, wanted=wanted) == expected


def test_choose_instructions_without_a_library_takes_the_next_and_says_why(flags, monkeypatch):
    reason = "it was not built for AMX: install g++, then this package again"
    monkeypatch.setattr(instructions, "load_library", lambda each: reason if each is AMX else each)
    assert choose_instructions("bfloat16", wanted="amx") == reason
    assert choose_instructions("bfloat16") is AVX512
    assert find_skipped(AVX512, dtype="bfloat16") == (reason,)


def test_find_skipped_is_nothing_that_the_processor_or_the_dtype_rules_out(flags, monkeypatch):
    monkeypatch.setattr(instructions, "load_library", lambda each: f"no library for {each.title}")
    assert find_skipped(AVX2, dtype="float32") == ("no library for AVX-512",)
    flags -= {"amx_tile", "avx512f"}
    assert find_skipped(AVX512, dtype="bfloat16") == find_skipped(AVX2, dtype="float32") == ()


@needs_compiler
@pytest.mark.parametrize("each", INSTRUCTION_SETS, ids=lambda each: each.name)
def test_load_library_is_built_and_runs_if_there_is_a_compiler(each):
    """Each is tried: Linux refuses AMX before any of its instructions would end the process."""
    found = load_library(each)
    if {flag for flags in each.needed.values() for flag in flags} <= read_flags():
        assert isinstance(found, ctypes.CDLL)
    elif each is AMX:
        assert found == "Linux does not grant AMX to this process: that takes Linux 5.16 or later"


@needs_compiler
def test_load_library_another_interface_is_not_used(monkeypatch):
    monkeypatch.setattr(instructions, "INTERFACE", 0)
    sentence = "its library for AVX2 is of another version: install this package again"
    assert load_library.__wrapped__(AVX2) == sentence


@pytest.fixture
def put_library(tmp_path, monkeypatch):
    """Puts a file where the library for any instruction set is looked for."""

    def put(content):
        path = tmp_path / "library.so"
        path.write_bytes(content)
        monkeypatch.setattr(instructions, "find_spec", lambda _: SimpleNamespace(origin=str(path)))

    return put


@pytest.fixture
def build_library(tmp_path, put_library):
    """Builds a library whose functions return these numbers, all others 0, and puts it there."""

    def build(**results):
        code = [f"int {name}() {{ return {results.get(name, 0)}; }}" for name in SIGNATURES]
        target = tmp_path / "built.so"
        command = ["g++", "-shared", "-fPIC", "-xc", "-", "-o", target]
        subprocess.run(command, input="\n".join(code), text=True, check=True)
        put_library(target.read_bytes())

    return build


def test_load_library_not_built_names_the_remedy(monkeypatch):
    monkeypatch.setattr(instructions, "find_spec", lambda _: None)
    sentence = "it was not built for AMX: install g++, then this package again"
    assert load_library.__wrapped__(AMX) == sentence


def test_load_library_that_is_no_library_says_what_the_system_says(put_library):
    put_library(b"no library")
    found = load_library.__wrapped__(AMX)
    assert re.fullmatch(r"its library for AMX cannot be loaded: .*library\.so: \w.*", found)


@needs_compiler
@pytest.mark.parametrize(
    ("obstacle", "sentence"),
    [
        (1, "Linux does not grant AMX to this process: that takes Linux 5.16 or later"),
        (2, "AMX computes wrong products on this processor"),
    ],
    ids=["not-granted", "wrong-product"],
)
def test_load_library_obstacle_has_its_sentence(obstacle, sentence, build_library):
    build_library(emotion_interface=INTERFACE, emotion_obstacle=obstacle)
    assert load_library.__wrapped__(AMX) == sentence


@needs_compiler
def test_load_library_without_a_function_is_of_another_version(build_library, monkeypatch):
    build_library(emotion_interface=INTERFACE)
    assert isinstance(load_library.__wrapped__(AMX), ctypes.CDLL)
    monkeypatch.setitem(SIGNATURES, "emotion_newer", ([], ctypes.c_int))
    sentence = "its library for AMX is of another version: install this package again"
    assert load_library.__wrapped__(AMX) == sentence


@needs_compiler
def test_amx_compiles(tmp_path):
    """Installing the package goes on without it, so only this test notices."""
    flags = ("-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16")
    amx = ("-mamx-tile", "-mamx-bf16")
    subprocess.run(["g++", *FLAGS, *flags, *amx, "-c", ENCODER, "-o", tmp_path / "o"], check=True)


# What they compute.


@pytest.fixture(scope="module")
def build_reference(tmp_path_factory):
    """Returns the encoder in plain C++, for so many lanes, with tiles or without."""
    folder = tmp_path_factory.mktemp("reference")

    @cache
    def build(lanes, *, has_tiles=False):
        target = folder / f"{lanes}{has_tiles}.so"
        defines = [f"-DEMOTION_LANES={lanes}", *["-DEMOTION_SCALAR_TILES"] * has_tiles]
        subprocess.run(["g++", *FLAGS, *defines, ENCODER, "-o", target], check=True)
        return declare(ctypes.CDLL(target))

    return build


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small random BERT: heads of 32, two layers, an intermediate size of more than one panel."""
    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 192, "vocab_size": 300, "initializer_range": 0.1}
    target = tmp_path_factory.mktemp("model")
    config = BertConfig(**sizes, num_labels=6)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(target)
    return target


@pytest.fixture
def compute(folder, monkeypatch):
    """Returns what a library computes of some rows, (num_rows, 6) float32."""

    def compute(library, dtype, row_lens, num_threads=1):
        monkeypatch.setattr(native, "load_library", lambda _: library)
        encoder = NativeEncoder(folder, dtype=dtype, num_threads=num_threads, instructions=AVX512)
        rng = np.random.default_rng(1)
        rows = [rng.integers(0, 300, size=row_len) for row_len in row_lens]
        (batch,) = pack(rows, max_batch_tokens=1024)
        return encoder.compute_logits(batch)

    return compute


ROW_LENS = (1, 2, 7, 8, 9, 15, 16, 17, 33, 65)


@needs_compiler
@pytest.mark.parametrize(
    ("each", "lanes", "dtype"),
    [
        pytest.param(AMX, 16, "bfloat16", id="amx-bfloat16"),
        pytest.param(AVX512, 16, "float32", id="avx512-float32"),
        pytest.param(AVX512, 16, "bfloat16", id="avx512-bfloat16"),
        pytest.param(AVX2, 8, "float32", id="avx2-float32"),
    ],
)
def test_compute_logits_equals_the_reference_bit_by_bit(
    each, lanes, dtype, build_reference, compute
):
    if choose_instructions(dtype, wanted=each.name) is not each:
        pytest.skip(f"{each.title} does not run here in {dtype}")
    found = compute(load_library(each), dtype, ROW_LENS)
    assert np.isfinite(found).all()
    reference = build_reference(lanes, has_tiles=each is AMX)
    assert found.tobytes() == compute(reference, dtype, ROW_LENS).tobytes()


@needs_compiler
def test_compute_logits_in_tiles_is_right_and_does_not_depend_on_the_batch(
    build_reference, compute
):
    """AMX's way through the weights, with its instructions in plain C++."""
    tiled = build_reference(16, has_tiles=True)
    assert tiled.emotion_obstacle() == 0
    expected = compute(tiled, "float32", ROW_LENS)  # which does not use them
    found = compute(tiled, "bfloat16", ROW_LENS)
    assert 0 < np.abs(found - expected).max() < 0.05
    assert found.tobytes() == compute(tiled, "bfloat16", ROW_LENS, num_threads=3).tobytes()
    for num_rows in (1, 5):  # the rows are drawn in this order
        few = compute(tiled, "bfloat16", ROW_LENS[:num_rows])
        assert found[:num_rows].tobytes() == few.tobytes()
