"""infinity with its ONNX engine and, in addition, truncation and whole batches.

Its classifier calls a pipeline of transformers without truncation and for one text at a time. It
also names the ONNX file by its full path, where optimum 2 expects the bare name.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infinity_emb.cli import cli
from infinity_emb.transformer.classifier import optimum
from peers.onnx_export import export_onnx
from peers.run_apart import run_apart
from peers.server_options import parse_options

ONNX_FILE = "model.onnx"


def classify(self: Any, texts: Sequence[str]) -> Any:
    """Stands in for `OptimumClassifier.encode_core`."""
    return self._pipe(texts, truncation=True, batch_size=len(texts))


def find_onnx_file(**_: object) -> Path:
    """Stands in for `get_onnx_files`."""
    return Path(ONNX_FILE)


def link_checkpoint(checkpoint: Path, *, folder: Path) -> None:
    """Writes a folder with the files of a checkpoint, and with its model as ONNX."""
    for file in checkpoint.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    run_apart(export_onnx, checkpoint, file=folder / ONNX_FILE)


def main() -> None:
    """Serves until a signal comes."""
    options = parse_options()
    optimum.OptimumClassifier.encode_core = classify
    optimum.get_onnx_files = find_onnx_file
    with tempfile.TemporaryDirectory() as folder:
        link_checkpoint(options.checkpoint, folder=Path(folder))
        os.environ["HF_HOME"] = folder  # where it would keep optimized models
        place = [f"--model-id={folder}", "--host=127.0.0.1", f"--port={options.port}"]
        engine = ["--engine=optimum", "--batch-size=64", "--no-trust-remote-code"]
        sys.argv[1:] = ["v2", *place, *engine]
        cli()


if __name__ == "__main__":
    main()
