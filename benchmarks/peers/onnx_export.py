"""A checkpoint as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import torch
from peers.bert_module import INPUT_NAMES, BertModule, make_example

OPSET = 17


def export_onnx(checkpoint: Path, *, file: Path) -> None:
    """Writes the classifier in float32, for any number of rows and tokens.

    torch's older exporter writes a graph in which ONNX Runtime 1.32 finds every attention to fuse;
    in that of the newer one it finds none (measured with torch 2.13 and transformers 5.23).
    """
    axes = {0: "rows", 1: "tokens"}
    with torch.inference_mode():
        torch.onnx.export(
            BertModule(checkpoint, attention="eager"),
            make_example(),
            str(file),
            input_names=list(INPUT_NAMES),
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(INPUT_NAMES, axes), "logits": {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,
        )
