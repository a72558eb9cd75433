"""A prepared checkpoint folder, read without torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion_engine.checksums import SUMS, check_checksums, compute_sums
from emotion_engine.errors import CheckpointError

REVISION_FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
FILES = (*REVISION_FILES, "labels.txt")
SERVED_DTYPE = "served_dtype"
"""In config.json: the dtype that "auto" means for this checkpoint; absent where any will do."""
DTYPES = ("auto", "float32", "bfloat16")
PROBLEM_TYPES = ("single_label_classification", "multi_label_classification")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder says about itself.

    Attributes:
        folder: the folder.
        labels: label names in the order of the logits.
        max_length: maximum tokens per row, special tokens included.
        problem_type: "single_label_classification" (softmax) or "multi_label_classification"
            (sigmoid).
        vocab_size: token ids are below this.
        dtype: what "auto" means for it, "float32" or "bfloat16"; "auto" leaves it to the device.
        revision: 64 hex digits that identify these weights, this tokenizer and these labels.
    """

    folder: Path
    labels: tuple[str, ...]
    max_length: int
    problem_type: str
    vocab_size: int
    revision: str
    dtype: str = "auto"

    def tokenizer_json(self) -> str:
        """Returns the tokenizer as one JSON document, without padding and truncation."""
        return (self.folder / "tokenizer.json").read_text(encoding="utf-8")


def read_checkpoint(folder: Path) -> Checkpoint:
    """Reads a folder written by scripts/prepare_model.py.

    Raises:
        CheckpointError: a file is missing, unreadable or not what it was at its preparation, there
            is no `id2label`, or the checkpoint is not a classifier.
    """
    for name in (*FILES, SUMS):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"checkpoint file {name} is missing; run scripts/prepare_model.py"
            )
    total = hashlib.sha256()
    sums = compute_sums(folder, REVISION_FILES, total=total)
    check_checksums(folder, sums | compute_sums(folder, ["labels.txt"]))
    config = _read_json(folder / "config.json")
    tokenizer_config = _read_json(folder / "tokenizer_config.json")
    return Checkpoint(
        folder=folder,
        labels=read_labels(config),
        max_length=_read_count(tokenizer_config, "model_max_length"),
        problem_type=read_problem_type(config),
        vocab_size=_read_count(config, "vocab_size"),
        revision=total.hexdigest(),
        dtype=_read_dtype(config),
    )


def compute_revision(folder: Path) -> str:
    """Returns the sha256 over the sorted names and bytes of the four files of REVISION_FILES.

    The same in a shell, inside the folder:
    `for f in config.json model.safetensors tokenizer.json tokenizer_config.json;
    do printf %s $f; cat $f; done | sha256sum`.
    """
    total = hashlib.sha256()
    compute_sums(folder, REVISION_FILES, total=total)
    return total.hexdigest()


def read_labels(config: dict[str, Any]) -> tuple[str, ...]:
    """Returns the labels of a config.json in the order of the logits.

    Raises:
        CheckpointError: there is no `id2label`, its keys are not 0, 1, 2, ..., a label is not
            one line of text, or a label occurs twice.
    """
    id2label = config.get("id2label")
    if not isinstance(id2label, dict) or not id2label:
        raise CheckpointError(
            "config.json has no id2label; the label names must come from the model"
        )
    by_id = {str(key): str(label) for key, label in id2label.items()}
    ids = [str(i) for i in range(len(by_id))]
    if set(by_id) != set(ids):
        raise CheckpointError(f"id2label has the keys {sorted(by_id)}; they must be 0, 1, 2, ...")
    labels = tuple(by_id[i] for i in ids)
    unprintable = [label for label in labels if not label.strip() or not label.isprintable()]
    if unprintable:
        raise CheckpointError(f"id2label has the label {unprintable[0]!r}; it must be one line")
    if len(set(labels)) < len(labels):
        raise CheckpointError(f"id2label has a label twice, among {', '.join(labels)}")
    return labels


def read_problem_type(config: dict[str, Any]) -> str:
    """Returns the `problem_type` of a config.json; the default is single-label.

    Raises:
        CheckpointError: another one, such as regression, which has no label to return.
    """
    problem_type = config.get("problem_type") or "single_label_classification"
    if problem_type not in PROBLEM_TYPES:
        raise CheckpointError(
            f"problem_type is {problem_type!r}; it must be one of {', '.join(PROBLEM_TYPES)}"
        )
    return str(problem_type)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path.name} is not JSON; run scripts/prepare_model.py") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path.name} is not a JSON object; run scripts/prepare_model.py")
    return document


def _read_dtype(config: dict[str, Any]) -> str:
    dtype = config.get(SERVED_DTYPE, "auto")
    if dtype not in DTYPES:
        raise CheckpointError(
            f"{SERVED_DTYPE} in config.json is {dtype!r}; it must be one of {', '.join(DTYPES)}"
        )
    return str(dtype)


def _read_count(config: dict[str, Any], name: str) -> int:
    value = config.get(name)
    if not isinstance(value, int) or value < 1:
        raise CheckpointError(f"{name} is {value!r}; it must be an integer of at least 1")
    return value
