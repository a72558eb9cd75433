"""The dtype that a device computes in."""

import pytest
import torch
from emotion_engine import dtype as module
from emotion_engine.dtype import choose_dtype


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"avx512_bf16", "amx_bf16"}, "bfloat16"),
        ({"avx512_bf16"}, "bfloat16"),
        ({"amx_bf16"}, "bfloat16"),
        ({"avx512f"}, "float32"),
        (set(), "float32"),
    ],
)
def test_choose_dtype_auto_on_a_cpu_depends_on_its_flags(monkeypatch, flags, expected):
    monkeypatch.setattr(module, "read_flags", lambda: flags)
    assert choose_dtype("auto", device="cpu") == expected


@pytest.mark.parametrize(
    ("encoder", "expected"),
    [
        ("native-amx", "bfloat16"),
        ("native-avx512", "bfloat16"),
        ("native-avx2", "float32"),
        ("native", "bfloat16"),
        ("torch", "bfloat16"),
    ],
)
def test_choose_dtype_auto_is_one_that_the_named_instructions_have(monkeypatch, encoder, expected):
    monkeypatch.setattr(module, "read_flags", lambda: {"avx512_bf16"})
    assert choose_dtype("auto", device="cpu", encoder=encoder) == expected
    assert choose_dtype("bfloat16", device="cpu", encoder=encoder) == "bfloat16"
    monkeypatch.setattr(module, "read_flags", lambda: {"avx512f"})
    others = "bfloat16" if encoder == "native-amx" else "float32"
    assert choose_dtype("auto", device="cpu", encoder=encoder) == others


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, "bfloat16"), (False, "float32")])
def test_choose_dtype_auto_on_a_gpu_needs_bfloat16_in_hardware(monkeypatch, has_bf16, expected):
    def is_supported(*, including_emulation):
        assert including_emulation is False
        return has_bf16

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert choose_dtype("auto", device="cuda:0") == expected


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_choose_dtype_given_one_is_taken(monkeypatch, dtype, device):
    monkeypatch.delattr(module, "read_flags")
    monkeypatch.delattr(torch.cuda, "is_bf16_supported")
    assert choose_dtype(dtype, device=device) == dtype
