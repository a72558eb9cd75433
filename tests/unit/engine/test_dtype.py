"""The dtype that a device computes in."""

import pytest
import torch
from emotion_engine.dtype import choose_dtype


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": False}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": True}, torch.bfloat16),
        ({"avx512_bf16": False, "amx_bf16": False}, torch.float32),
        ({"architecture": "aarch64"}, torch.float32),
    ],
)
def test_choose_dtype_auto_on_a_cpu_depends_on_its_capabilities(
    monkeypatch, capabilities, expected
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_dtype("auto", device=torch.device("cpu")) is expected


@pytest.mark.parametrize(("has_bf16", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_choose_dtype_auto_on_a_gpu_needs_bfloat16_in_hardware(monkeypatch, has_bf16, expected):
    def is_supported(*, including_emulation):
        assert including_emulation is False
        return has_bf16

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert choose_dtype("auto", device=torch.device("cuda")) is expected


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_choose_dtype_given_one_is_taken(monkeypatch, dtype, device):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    monkeypatch.delattr(torch.cuda, "is_bf16_supported")
    wanted = str(dtype).removeprefix("torch.")
    assert choose_dtype(wanted, device=torch.device(device)) is dtype
