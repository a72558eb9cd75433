"""Writes a checkpoint folder, and recognizes a failed write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotion_engine.checkpoint import FILES, SERVED_DTYPE


def write_checkpoint(source: Any, tokenizer: Any, *, folder: Path, max_length: int) -> None:
    """Writes weights, config, tokenizer and labels.txt.

    tokenizer.json is AutoTokenizer's own backend without padding and truncation: the source's file
    may pad, may truncate, or may not exist (vocab.txt alone).
    """
    from tokenizers import Tokenizer

    for name in ("output_attentions", "output_hidden_states"):
        setattr(source.config, name, False)  # else transformers refuses to save it
    vars(source.config).pop(SERVED_DTYPE, None)  # it is measured anew
    source.config.return_dict = True
    source.config.id2label = {int(key): label for key, label in source.config.id2label.items()}
    source.save_pretrained(folder, max_shard_size="100GB")
    write_labels(source.config, folder=folder)
    tokenizer.model_max_length = max_length
    for key in ("is_local", "local_files_only", "trust_remote_code"):
        tokenizer.init_kwargs.pop(key, None)  # how it was loaded here is not a property of it
    tokenizer.save_pretrained(folder)
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_padding()
    backend.no_truncation()
    backend.save(str(folder / "tokenizer.json"))
    labels = [source.config.id2label[i] for i in range(source.config.num_labels)]
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in labels), encoding="utf-8")
    for path in folder.iterdir():
        if path.name not in FILES:
            path.unlink()  # other files of some tokenizers repeat what tokenizer.json has
    # Only its owner can read it at first; Triton may run as another user.
    (folder / "model.safetensors").chmod(0o644)


def write_labels(config: Any, *, folder: Path) -> None:
    """Puts the label names into config.json, even if they are LABEL_0 and LABEL_1.

    transformers leaves these two out, because they are its defaults.
    """
    _edit_config(folder, {"id2label": config.id2label, "label2id": config.label2id})


def keep_float32(folder: Path) -> None:
    """Notes in config.json that bfloat16 is too coarse for these weights."""
    _edit_config(folder, {SERVED_DTYPE: "float32"})


def _edit_config(folder: Path, changes: dict[str, Any]) -> None:
    path = folder / "config.json"
    document = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def is_write_error(error: Exception) -> bool:
    """Tells a failed write from other errors.

    torch and safetensors do not raise OSError: torch names the place in its C++
    (`inline_container.cc`), safetensors repeats the system's message.
    """
    text = str(error)
    if isinstance(error, RuntimeError):
        return "inline_container" in text or "PytorchStreamWriter" in text
    if type(error).__name__ == "SafetensorError":
        return "serializing: I/O error" in text
    return isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
