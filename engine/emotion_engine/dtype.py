"""The dtype to compute in."""

from __future__ import annotations

from emotion_engine.instructions import INSTRUCTION_SETS
from emotion_engine.processor import read_flags


def choose_dtype(wanted: str, *, device: str, encoder: str = "auto") -> str:
    """Returns the dtype to compute in, "bfloat16" or "float32".

    Args:
        wanted: "bfloat16", "float32", or "auto": bfloat16 if the device has it in hardware, and
            the instructions that `encoder` names have it.
        device: where the model runs, such as "cpu" or "cuda:0".
        encoder: as `EngineSettings.encoder`.
    """
    if wanted != "auto":
        return wanted
    name = encoder.removeprefix("native-")
    named = next((each for each in INSTRUCTION_SETS if each.name == name), None)
    if named is not None and len(named.needed) == 1:
        return next(iter(named.needed))  # whatever else the processor has
    if device.startswith("cuda"):
        import torch

        has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        has_bf16 = not read_flags().isdisjoint({"avx512_bf16", "amx_bf16"})
    return "bfloat16" if has_bf16 else "float32"
