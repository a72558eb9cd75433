"""CTranslate2's BERT encoder on the CPU, float32 or int8; pooler and head are numpy."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ctranslate2
import numpy as np
from numpy.typing import NDArray
from peers.batching_engine import BatchingEngine, Engine, Lanes, Model
from peers.padding import Row
from peers.run_apart import run_apart
from safetensors.numpy import load_file

CONFIG = "config.json"
COMPUTE_TYPES = {"float32": "float32", "int8": "int8_float32"}
HEAD = (
    "bert.pooler.dense.weight",
    "bert.pooler.dense.bias",
    "classifier.weight",
    "classifier.bias",
)


def open_engine(
    checkpoint: Path, *, kind: str, num_threads: int, folder: Path, calibration: Sequence[Row]
) -> Engine:
    """Converts a checkpoint and loads it.

    Args:
        checkpoint: its folder.
        kind: "float32", or "int8": weights per channel, activations as they come. (bfloat16 is
            refused: the library has none for processors without AMX.)
        num_threads: of all lanes together.
        folder: for the converted model.
        calibration: not used; the ranges of activations are found as they come.
    """
    target = folder / "encoder"
    run_apart(convert, checkpoint, folder=target)
    weights = load_file(checkpoint / "model.safetensors")
    head = [weights[name] for name in HEAD]

    def load(lanes: Lanes) -> Model:
        encoder = ctranslate2.Encoder(
            str(target),
            device="cpu",
            compute_type=COMPUTE_TYPES[kind],
            inter_threads=lanes.num_lanes,
            intra_threads=lanes.num_threads,
        )

        def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> NDArray[np.float32]:
            tensors = (each.astype(np.int32) for each in (ids, mask.sum(axis=1)))
            views = [ctranslate2.StorageView.from_array(each) for each in tensors]
            output = encoder.forward_batch(*views, np.zeros_like(ids).tolist())
            return compute_head(np.array(output.last_hidden_state)[:, 0], weights=head)

        return run

    return BatchingEngine(load, num_threads=num_threads)


def convert(checkpoint: Path, *, folder: Path) -> None:
    """Writes the encoder in CTranslate2's format."""
    from ctranslate2.converters import TransformersConverter

    with tempfile.TemporaryDirectory() as copy:
        link_with_positions(checkpoint, folder=Path(copy))
        TransformersConverter(copy).convert(str(folder))


def link_with_positions(checkpoint: Path, *, folder: Path) -> None:
    """Writes a folder like a checkpoint's, whose config.json names the kind of positions.

    The converter asks for it; transformers 5 knows one kind only, and no longer writes it.
    """
    for file in checkpoint.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    config = json.loads((checkpoint / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).unlink()
    document = json.dumps({"position_embedding_type": "absolute", **config})
    (folder / CONFIG).write_text(document, encoding="utf-8")


def compute_head(
    first: NDArray[np.float32], *, weights: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Returns the logits, (num_rows, num_labels), from each row's first token."""
    pooler, pooler_bias, classifier, classifier_bias = weights
    pooled = np.tanh(first @ pooler.T + pooler_bias)  # (num_rows, hidden_size)
    logits: NDArray[np.float32] = pooled @ classifier.T + classifier_bias
    return logits
