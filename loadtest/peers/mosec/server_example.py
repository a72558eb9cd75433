"""mosec as its DistilBERT example has it: a stage that tokenizes, and one that takes batches of 32.

Like the example, it pads without an attention mask, so that the answer to a text depends on the
texts beside it. The check of its answers says how many of them that makes wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from mosec import Server, Worker
from transformers import AutoModelForSequenceClassification, AutoTokenizer

sys.path.append(str(Path(__file__).resolve().parents[2]))

from peers.padded_model import find_device
from peers.server_options import parse_options

MAX_BATCH_SIZE = 32


class Preprocess(Worker):
    """Makes ids of a text."""

    def __init__(self) -> None:
        super().__init__()
        self._tokenizer = AutoTokenizer.from_pretrained(parse_options().checkpoint)

    def deserialize(self, data: bytes) -> str:
        """Reads the body of a request."""
        return data.decode()

    def forward(self, data: str) -> list[int]:
        """Tokenizes; `truncation` is what the example's short texts do without."""
        ids: list[int] = self._tokenizer.encode(data, truncation=True)
        return ids


class Inference(Worker):
    """Makes labels of ids."""

    def __init__(self) -> None:
        super().__init__()
        self._device = find_device()
        self._model = AutoModelForSequenceClassification.from_pretrained(
            parse_options().checkpoint, use_safetensors=True
        )
        self._model.eval().to(self._device)
        self.example = [[101, *[2023] * 40, 102]] * MAX_BATCH_SIZE  # what mosec warms up with

    def forward(self, data: list[list[int]]) -> list[str]:
        """Classifies a batch."""
        rows = [torch.tensor(ids) for ids in data]
        input_ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(self._device)
        with torch.no_grad():
            logits = self._model(input_ids).logits  # (num_rows, num_labels)
        scores, ids = logits.softmax(dim=1).max(dim=1)
        names = self._model.config.id2label
        pairs = zip(ids.tolist(), scores.tolist(), strict=True)
        return [f"{names[i]}={score}" for i, score in pairs]

    def serialize(self, data: str) -> bytes:
        """Writes the body of an answer."""
        return data.encode()


if __name__ == "__main__":
    server = Server()
    server.append_worker(Preprocess)
    server.append_worker(Inference, max_batch_size=MAX_BATCH_SIZE)
    server.run()
