"""Checkpoints with random weights, for models that exist only to be timed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from emotion_engine.checkpoint import FILES, Checkpoint, read_checkpoint
from emotion_engine.checksums import write_checksums

SEED = 1


def write_random(config: Any, *, like: Checkpoint, folder: Path) -> Checkpoint:
    """Writes a checkpoint with random weights, but with the tokenizer and labels of another.

    Args:
        config: of transformers; the shape of the model.
        like: whose tokenizer, labels and max_length it has.
        folder: where to write it; it is created.
    """
    import torch
    from transformers import AutoModelForSequenceClassification

    folder.mkdir()
    config.id2label = dict(enumerate(like.labels))
    config.label2id = {label: i for i, label in enumerate(like.labels)}
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    for name in FILES:
        if not (folder / name).exists():
            shutil.copy(like.folder / name, folder / name)
    write_checksums(folder, FILES)
    return read_checkpoint(folder)
