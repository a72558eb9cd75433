"""mosec as in its DistilBERT example: a stage that tokenizes, and one that takes batches of 32.

Like the example, it pads without an attention mask, so the answer to a text depends on the other
texts of its batch. The check of its answers counts how many are wrong because of that.
"""

from __future__ import annotations

import torch
from mosec import Server, Worker
from peers.padded_model import find_device
from peers.server_options import parse_options
from transformers import AutoModelForSequenceClassification, AutoTokenizer

MAX_BATCH_SIZE = 32


class Preprocess(Worker):
    """Tokenizes a text."""

    def __init__(self) -> None:
        super().__init__()
        self._tokenizer = AutoTokenizer.from_pretrained(parse_options().checkpoint)

    def deserialize(self, data: bytes) -> str:
        """Reads the body of a request."""
        return data.decode()

    def forward(self, data: str) -> list[int]:
        """Tokenizes; the example's short texts need no `truncation`."""
        ids: list[int] = self._tokenizer.encode(data, truncation=True)
        return ids


class Inference(Worker):
    """Classifies token ids."""

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
