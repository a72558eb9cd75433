"""LitServe with dynamic batches and the queue that its documentation recommends for throughput."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import litserve
from peers.padded_model import PaddedModel
from peers.server_options import parse_options

MAX_BATCH_SIZE = 64
BATCH_TIMEOUT_S = 0.01


class Classifier(litserve.LitAPI):
    """A padded model in a process of its own, which takes waiting texts as one batch."""

    def __init__(self, checkpoint: Path, *, dtype: str, num_workers: int) -> None:
        super().__init__(max_batch_size=MAX_BATCH_SIZE, batch_timeout=BATCH_TIMEOUT_S)
        self._checkpoint, self._dtype, self._num_workers = checkpoint, dtype, num_workers

    def setup(self, device: str) -> None:
        """Loads the model."""
        self._model = PaddedModel(
            self._checkpoint, dtype=self._dtype, device=device, num_sharing=self._num_workers
        )

    def decode_request(self, request: dict[str, str]) -> str:
        """Returns the text."""
        return request["text"]

    def batch(self, inputs: list[str]) -> list[str]:
        """Keeps the texts as a list."""
        return inputs

    def predict(self, texts: list[str]) -> list[dict[str, str | float]]:
        """Classifies a batch."""
        return self._model.predict(texts)

    def unbatch(self, output: list[dict[str, str | float]]) -> list[dict[str, str | float]]:
        """Keeps the answers as a list."""
        return output

    def encode_response(self, output: Any) -> Any:
        """Returns label and score."""
        return output


if __name__ == "__main__":
    options = parse_options()
    api = Classifier(options.checkpoint, dtype=options.dtype, num_workers=options.workers)
    server = litserve.LitServer(api, workers_per_device=options.workers, fast_queue=True)
    server.run(host="127.0.0.1", port=options.port, generate_client_file=False, log_level="warning")
