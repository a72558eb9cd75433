"""A checkpoint in this process: plain transformers in float32, the reference for the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from emotion_command.checkout import CHECKPOINT, ROOT
from emotion_engine.checkpoint import REVISION_FILES, compute_revision
from numpy.typing import NDArray

from emotion_training.checkpoint.max_length import choose_max_length
from emotion_training.checkpoint.source_checks import check_source_tokenizer
from emotion_training.checkpoint.source_model import load_source
from emotion_training.errors import ModelError
from emotion_training.evaluation.evaluated_model import ModelFacts, check_problem_type

NUM_TOKENIZED_AT_ONCE = 1024  # Ctrl-C has no effect inside a call of tokenizers


@dataclass(frozen=True, eq=False)
class LocalModel:
    """A checkpoint in this process.

    Attributes:
        facts: what is known about it.
        network: the classifier, as transformers loads it.
        tokenizer: its tokenizer, likewise.
    """

    facts: ModelFacts
    network: Any
    tokenizer: Any

    def count_steps(self, num_texts: int, *, batch_size: int) -> int:
        """Returns the number of forward passes."""
        return -(-num_texts // batch_size)

    def predict(
        self, texts: Sequence[str], *, batch_size: int, advance: Callable[[int], object]
    ) -> NDArray[np.float32]:
        """See `EvaluatedModel`; texts of similar length share a batch, to need little padding."""
        rows = self._tokenize(texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
        probabilities = np.empty((len(rows), len(self.facts.labels)), dtype=np.float32)
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            probabilities[batch] = self._forward([rows[i] for i in batch])
            advance(len(batch))
        return probabilities

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = []
        for start in range(0, len(texts), NUM_TOKENIZED_AT_ONCE):
            part = list(texts[start : start + NUM_TOKENIZED_AT_ONCE])
            encodings = self.tokenizer(part, truncation=True, max_length=self.facts.max_length)
            rows += encodings["input_ids"]
        return rows

    def _forward(self, rows: Sequence[list[int]]) -> NDArray[np.float32]:
        import torch
        from torch.nn.utils.rnn import pad_sequence

        ids = [torch.tensor(row) for row in rows]
        masks = [torch.ones_like(row) for row in ids]
        padding_id = self.tokenizer.pad_token_id or 0
        input_ids = pad_sequence(ids, batch_first=True, padding_value=padding_id)
        attention_mask = pad_sequence(masks, batch_first=True)  # (num_rows, longest), as input_ids
        device = self.network.device
        with torch.inference_mode():
            logits = self.network(
                input_ids=input_ids.to(device), attention_mask=attention_mask.to(device)
            ).logits  # (num_rows, num_labels)
            answer: NDArray[np.float32] = logits.softmax(dim=1).cpu().numpy()
        return answer


def load(checkpoint: str | None) -> LocalModel:
    """Loads a checkpoint into this process, on a GPU if there is one.

    Args:
        checkpoint: folder of a classifier or of an adapter, or hub id; None for the one that this
            repository serves.

    Raises:
        ModelError: that one is not prepared yet, or the checkpoint gives several labels to a text.
        PrepareError: it cannot be loaded, or has no label names.
        BaseModelError: the base of the adapter is missing or altered.
    """
    import torch

    if checkpoint is None and not CHECKPOINT.is_dir():
        raise ModelError(f"there is no {CHECKPOINT}; run scripts/prepare_model.py")
    name = str(CHECKPOINT) if checkpoint is None else checkpoint
    network, tokenizer = load_source(name, revision=None)
    check_problem_type(network.config.problem_type, name=name)
    check_source_tokenizer(tokenizer, vocab_size=network.config.vocab_size)
    network = network.float().to("cuda" if torch.cuda.is_available() else "cpu")
    id2label = {int(key): str(label) for key, label in network.config.id2label.items()}
    folder = Path(name)
    facts = ModelFacts(
        name=find_name(checkpoint),
        is_served=False,
        labels=tuple(id2label[i] for i in range(len(id2label))),
        max_length=choose_max_length(None, folder=folder, source=network, tokenizer=tokenizer),
        revision=find_revision(folder),
    )
    return LocalModel(facts, network, tokenizer)


def find_name(checkpoint: str | None) -> str:
    """Returns the name of a folder without its path on this machine; a hub id as it is."""
    if checkpoint is None:
        return str(CHECKPOINT.relative_to(ROOT))
    return Path(checkpoint).resolve().name if Path(checkpoint).is_dir() else checkpoint


def find_revision(folder: Path) -> str | None:
    """Returns the revision that a server would show for the folder; None if it cannot be served."""
    is_whole = all((folder / name).is_file() for name in REVISION_FILES)
    return compute_revision(folder) if is_whole else None
