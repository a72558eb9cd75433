"""A bigger model that labels texts for the network to learn from.

It is a classifier of the same labels, whose probabilities are taken as they are; or an encoder,
which stays as it is (`head.py` learns to read its features). `cache.py` keeps what it computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from emotion_engine.dtype import choose_dtype
from numpy.typing import NDArray

from emotion_training.checkpoint.adapter import ADAPTER_CONFIG
from emotion_training.errors import DataError
from emotion_training.wording import first_line

BATCH_TOKENS = 2048  # of a forward pass, padding included


class Teacher(Protocol):
    """What both kinds of teacher can do."""

    @property
    def key(self) -> str:
        """Identifies it and how it reads: 64 hex digits."""

    @property
    def has_labels(self) -> bool:
        """Whether `read` returns probabilities of the labels, and not features."""

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns a row for each text: probabilities (num_labels,) or features (hidden_size,)."""


@dataclass(frozen=True, eq=False)
class Classifier:
    """A classifier of the same labels; see `Teacher`."""

    key: str
    model: Any
    has_labels: bool = True

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Teacher`."""
        with halve():
            answers: NDArray[np.float32] = self.model.predict(
                texts, batch_size=32, advance=lambda _: None
            )
        return answers


@dataclass(frozen=True, eq=False)
class Encoder:
    """An encoder without a head; see `Teacher`."""

    key: str
    network: Any
    tokenizer: Any
    max_length: int
    has_labels: bool = False

    def read(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Returns the mean over the tokens of the last hidden states, as long as 1."""
        rows = [self.tokenizer(x, truncation=True, max_length=self.max_length) for x in texts]
        ids = [row["input_ids"] for row in rows]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        features = np.empty((len(ids), self.network.config.hidden_size), dtype=np.float32)
        while order:
            # Of similar length, the longest last: it says how many fit.
            size = next(
                (n for n in range(len(order), 1, -1) if n * len(ids[order[n - 1]]) <= BATCH_TOKENS),
                1,
            )
            batch, order = order[:size], order[size:]
            features[batch] = self._forward([ids[i] for i in batch])
        return features

    def _forward(self, ids: Sequence[list[int]]) -> NDArray[np.float32]:
        import torch

        padded = self.tokenizer.pad({"input_ids": list(ids)}, return_tensors="pt")
        with torch.inference_mode(), halve():
            hidden = self.network(
                input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]
            ).last_hidden_state.float()  # (num_rows, row_len, hidden_size)
        mask = padded["attention_mask"][:, :, None]  # (num_rows, row_len, 1)
        mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)  # (num_rows, hidden_size)
        unit: NDArray[np.float32] = torch.nn.functional.normalize(mean).numpy()
        return unit


def halve() -> AbstractContextManager[object]:
    """Lets the CPU multiply in bfloat16, in half the time, if it has it in hardware."""
    import torch

    is_half = choose_dtype("auto", device="cpu") == "bfloat16"
    return torch.autocast("cpu", torch.bfloat16, enabled=is_half)


def load_teacher(folder: Path, *, labels: Sequence[str], max_length: int) -> Teacher:
    """Loads a teacher from a folder with safetensors weights.

    Args:
        folder: of an encoder, of a classifier of `labels` in any order, or of an adapter that
            `train.py` wrote.
        labels: of the training.
        max_length: most tokens of a text that an encoder reads.

    Raises:
        DataError: the folder is missing or cannot be loaded, or its labels are other ones.
    """
    if not folder.is_dir():
        raise DataError(f"--teacher {folder}: there is no such folder; name one")
    key = identify(folder, max_length=max_length)
    try:
        if not is_classifier(folder):
            return _load_encoder(folder, key=key, max_length=max_length)
        from emotion_training.evaluation.local_model import load

        model = load(str(folder))
    except Exception as error:  # a broken file makes these libraries raise anything
        raise DataError(f"--teacher {folder}: cannot be loaded: {first_line(error)}") from error
    if model.facts.labels != tuple(labels):
        raise DataError(
            f"--teacher {folder}: is a classifier of other labels, or in another order; give one"
            " that train.py made from these labels, or an encoder"
        )
    return Classifier(key, model)


def is_classifier(folder: Path) -> bool:
    """Tells a classifier or an adapter from an encoder."""
    from transformers import AutoConfig

    if (folder / ADAPTER_CONFIG).is_file():
        return True
    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    return any("ForSequenceClassification" in name for name in config.architectures or ())


def identify(folder: Path, *, max_length: int) -> str:
    """Returns a fingerprint of the folder's files and the length."""
    digest = hashlib.sha256(str(max_length).encode())
    for path in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.json")):
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _load_encoder(folder: Path, *, key: str, max_length: int) -> Encoder:
    import torch
    from transformers import AutoModel, AutoTokenizer

    source = {"local_files_only": True, "trust_remote_code": False}
    network = AutoModel.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, **source
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, **source)
    return Encoder(key, network, tokenizer, max_length)
