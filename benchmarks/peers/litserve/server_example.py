"""LitServe as in its text classification example: a pipeline, one text at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import litserve
from peers.server_options import parse_options
from transformers import pipeline


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
        """Classifies a text; the example's short texts need no `truncation`."""
        return self._pipe(text, truncation=True)

    def encode_response(self, output: Any) -> Any:
        """Returns label and score."""
        return output[0]


if __name__ == "__main__":
    options = parse_options()
    server = litserve.LitServer(Classifier(options.checkpoint))
    server.run(host="127.0.0.1", port=options.port)
