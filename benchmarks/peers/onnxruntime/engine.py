"""ONNX Runtime on the CPU: float32 with its fusions for transformers, or dynamic int8."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from peers.batching_engine import BatchingEngine, Engine, Lanes, Model
from peers.padding import Row
from peers.run_apart import run_apart


def open_engine(
    checkpoint: Path, *, kind: str, num_threads: int, folder: Path, calibration: Sequence[Row]
) -> Engine:
    """Exports a checkpoint and loads it.

    Args:
        checkpoint: its folder.
        kind: "float32", or "int8": weights per channel, activations as they come.
        num_threads: of all lanes together.
        folder: for the exported model.
        calibration: not used; the ranges of activations are found as they come.
    """
    file = folder / "model.onnx"
    run_apart(export, checkpoint, file=file, kind=kind)

    def load(lanes: Lanes) -> Model:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = lanes.num_threads
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        dtypes = {"tensor(int32)": np.int32, "tensor(int64)": np.int64}
        (ids_name, dtype), (mask_name, _) = [
            (each.name, dtypes[each.type]) for each in session.get_inputs()
        ]

        def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
            feed = {ids_name: ids.astype(dtype), mask_name: mask.astype(dtype)}
            logits: NDArray[np.float32] = session.run(None, feed)[0]
            return logits

        return run

    return BatchingEngine(load, num_threads=num_threads)


def export(checkpoint: Path, *, file: Path, kind: str) -> None:
    """Writes the model with attention, layer norms and activations fused; quantizes it for int8."""
    import onnx
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model
    from peers.onnx_export import export_onnx

    raw, fused = file.with_name("raw.onnx"), file.with_name("fused.onnx")
    export_onnx(checkpoint, file=raw)
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    optimize_model(
        str(raw),
        model_type="bert",
        num_heads=config["num_attention_heads"],
        hidden_size=config["hidden_size"],
        opt_level=0,  # the session does the rest when it loads the model
    ).save_model_to_file(str(fused))
    if kind == "int8":
        # Without the type, the outputs of fused operators have none.
        extra = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(fused, file, per_channel=True, extra_options=extra)
    else:
        fused.rename(file)
