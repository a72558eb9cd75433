"""A checkpoint in this process: plain transformers in float32, the reference for the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
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
from emotion_training.wording import first_line

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
        """Returns the number of batches of that size."""
        return -(-num_texts // batch_size)

    def predict(
        self, texts: Sequence[str], *, batch_size: int, advance: Callable[[int], object]
    ) -> NDArray[np.float32]:
        """See `EvaluatedModel`; a batch has texts of one length, so that none is padded."""
        rows = self._tokenize(texts)
        probabilities = np.empty((len(rows), len(self.facts.labels)), dtype=np.float32)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]), reverse=True)
        for _, group in groupby(order, key=lambda i: len(rows[i])):
            while batch := [*islice(group, batch_size)]:
                probabilities[batch] = self._forward([rows[i] for i in batch])
                advance(len(batch))
        return probabilities

    def _tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        rows: list[list[int]] = []
        for start in range(0, len(texts), NUM_TOKENIZED_AT_ONCE):
            part = list(texts[start : start + NUM_TOKENIZED_AT_ONCE])
            encodings = self.tokenizer(part, truncation=True, max_length=self.facts.max_length)
            rows += encodings["input_ids"]
        if not all(rows):
            raise ModelError(f"{self.facts.name}: its tokenizer makes no token of an empty text")
        return rows

    def _forward(self, rows: Sequence[list[int]]) -> NDArray[np.float32]:
        import torch

        ids = torch.tensor(rows, device=self.network.device)  # (num_rows, row_len)
        try:
            with torch.inference_mode():
                logits = self.network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        except Exception as error:  # an architecture's own code raises anything
            if len(rows) > 1:  # it may refuse to compute these together
                return np.concatenate([self._forward([row]) for row in rows])
            raise ModelError(
                f"{self.facts.name} cannot compute a text of {len(rows[0])} tokens: "
                f"{first_line(error)}"
            ) from error
        answer: NDArray[np.float32] = logits.float().softmax(dim=1).cpu().numpy()
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
