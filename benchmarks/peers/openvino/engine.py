"""OpenVINO on the CPU: bfloat16 or float32, int8 weights, or int8 throughout."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from peers.batching_engine import BatchingEngine, Engine, Lanes, Model
from peers.padding import Row
from peers.run_apart import run_apart

PRECISIONS = {"float32": "f32", "bfloat16": "bf16"}


def open_engine(
    checkpoint: Path, *, kind: str, num_threads: int, folder: Path, calibration: Sequence[Row]
) -> Engine:
    """Exports a checkpoint and loads it.

    Args:
        checkpoint: its folder.
        kind: "float32" and "bfloat16" are precision hints. "int8-weights" are those of nncf's
            weight compression; OpenVINO then quantizes activations as they come, in groups.
            "int8" is nncf's quantization of weights and activations after training.
        num_threads: of all lanes together.
        folder: for the exported model.
        calibration: typical rows, which set the ranges of the activations for "int8".
    """
    file = folder / "model.xml"
    run_apart(export, checkpoint, file=file, kind=kind, calibration=calibration)
    core = openvino.Core()

    def load(lanes: Lanes) -> Model:
        config = {
            "INFERENCE_PRECISION_HINT": PRECISIONS.get(kind) or find_precision(core),
            "NUM_STREAMS": lanes.num_lanes,
            "INFERENCE_NUM_THREADS": num_threads,
        }
        return _wrap(core.compile_model(str(file), "CPU", config))

    return BatchingEngine(load, num_threads=num_threads)


def find_precision(core: Any) -> str:
    """Returns what int8 models compute the rest in: bfloat16 if the processor has it."""
    return "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"


def export(checkpoint: Path, *, file: Path, kind: str, calibration: Sequence[Row]) -> None:
    """Writes the model, quantized as its kind says."""
    import nncf
    from peers.bert_module import INPUT_NAMES, BertModule, make_example

    ids, mask = INPUT_NAMES
    model = openvino.convert_model(
        BertModule(checkpoint, attention="sdpa"),
        example_input=dict(zip(INPUT_NAMES, make_example(), strict=True)),
        input=[(name, [-1, -1], openvino.Type.i64) for name in INPUT_NAMES],
    )
    if kind == "int8-weights":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    elif kind == "int8":
        rows = [np.array([row], dtype=np.int64) for row in calibration]
        dataset = nncf.Dataset([{ids: row, mask: np.ones_like(row)} for row in rows])
        model = nncf.quantize(
            model, dataset, model_type=nncf.ModelType.TRANSFORMER, subset_size=len(rows)
        )
    openvino.save_model(model, file, compress_to_fp16=False)


def _wrap(compiled: Any) -> Model:
    own = threading.local()  # a request of each lane

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        logits: NDArray[np.float32] = own.request.infer([ids, mask], share_inputs=True)[0]
        return logits

    return run
