"""mosec with dynamic batches of 64, each tokenized at once, in one stage."""

from __future__ import annotations

from mosec import Server, Worker
from peers.padded_model import PaddedModel, find_device
from peers.server_options import parse_options

MAX_BATCH_SIZE = 64
MAX_WAIT_MS = 10


class Classifier(Worker):
    """A padded model."""

    def __init__(self) -> None:
        super().__init__()
        options = parse_options()
        self._model = PaddedModel(
            options.checkpoint,
            dtype=options.dtype,
            device=find_device(),
            num_sharing=options.workers,
        )

    def deserialize(self, data: bytes) -> str:
        """Reads the body of a request."""
        return data.decode()

    def forward(self, data: list[str]) -> list[dict[str, str | float]]:
        """Classifies a batch."""
        return self._model.predict(data)


if __name__ == "__main__":
    server = Server()
    server.append_worker(
        Classifier,
        num=parse_options().workers,
        max_batch_size=MAX_BATCH_SIZE,
        max_wait_time=MAX_WAIT_MS,
    )
    server.run()
