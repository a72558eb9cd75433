"""LitServe as its text classification example has it: a pipeline, a text at a time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import litserve
from transformers import pipeline

sys.path.append(str(Path(__file__).resolve().parents[2]))

from peers.server_options import parse_options


class Classifier(litserve.LitAPI):
    """A pipeline in a process of its own."""

    def __init__(self, checkpoint: Path) -> None:
        super().__init__()
        self._checkpoint = checkpoint

    def setup(self, device: str) -> None:
        """Loads the model."""
        self._pipe = pipeline("text-classification", model=str(self._checkpoint), device=device)

    def decode_request(self, request: dict[str, str]) -> str:
        """Returns the text."""
        return request["text"]

    def predict(self, text: str) -> Any:
        """Classifies a text; `truncation` is what the example's short texts do without."""
        return self._pipe(text, truncation=True)

    def encode_response(self, output: Any) -> Any:
        """Returns label and score."""
        return output[0]


if __name__ == "__main__":
    options = parse_options()
    server = litserve.LitServer(Classifier(options.checkpoint))
    server.run(host="127.0.0.1", port=options.port)
