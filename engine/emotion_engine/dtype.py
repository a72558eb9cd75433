"""The dtype to compute in."""

from __future__ import annotations

import torch


def choose_dtype(wanted: str, *, device: torch.device) -> torch.dtype:
    """Returns the dtype to compute in.

    Args:
        wanted: "bfloat16", "float32", or "auto": bfloat16 if the device has it in hardware.
        device: where the model runs.
    """
    if wanted != "auto":
        return torch.bfloat16 if wanted == "bfloat16" else torch.float32
    if device.type == "cuda":
        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        has_bf16 = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.bfloat16 if has_bf16 else torch.float32
