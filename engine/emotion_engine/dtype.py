"""The dtype to compute in."""

from __future__ import annotations

from emotion_engine.processor import read_flags


def choose_dtype(wanted: str, *, device: str) -> str:
    """Returns the dtype to compute in, "bfloat16" or "float32".

    Args:
        wanted: "bfloat16", "float32", or "auto": bfloat16 if the device has it in hardware.
        device: where the model runs, such as "cpu" or "cuda:0".
    """
    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        import torch

        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bf16 = not read_flags().isdisjoint({"avx512_bf16", "amx_bf16"})
    return "bfloat16" if has_bf16 else "float32"
