"""Scores texts with the engine in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from emotion_client.tokenizer import EMPTY, TextTokenizer
from emotion_engine.checkpoint import read_checkpoint
from emotion_engine.classifier import Classifier
from emotion_engine.errors import OutOfMemory
from emotion_engine.settings import EngineSettings
from numpy.typing import NDArray

from emotion_scoring.batch_scorer import BatchScorer
from emotion_scoring.chunks import Chunk, cut, join_batches
from emotion_scoring.device import find_device
from emotion_scoring.read_ahead import read_ahead
from emotion_scoring.scorer import Facts, Texts
from emotion_scoring.scores import Scores
from emotion_scoring.text_check import find_problem

# Texts that are computed together, in as few forward passes as their tokens need.
CHUNK_TEXTS, GPU_CHUNK_TEXTS = 512, 4096
NUM_AHEAD = 2  # chunks that are tokenized before they are computed


@dataclass(frozen=True)
class Tokenized:
    """A chunk, ready for the engine.

    Attributes:
        chunk: what was tokenized.
        positions: (num_rows,) int64, the place in the chunk of each text with tokens.
        rows: the ids of each of them, (row_len,) int64.
        truncated: (num_texts,) bool, false for those without tokens.
        errors: why a text has no tokens; None for the others.
    """

    chunk: Chunk
    positions: NDArray[np.int64]
    rows: list[NDArray[np.int64]]
    truncated: NDArray[np.bool_]
    errors: list[str | None]


class EngineScorer(BatchScorer):
    """The engine of this process, with its own copy of the weights.

    Can be used in `map_batches` of Ray Data and in Spark, where each worker makes its own.

    Args:
        checkpoint: a folder that scripts/prepare_model.py wrote.
        column: the texts in the batches that it is called with.
        prefix: of the names of the columns that it adds.
        device: such as "cpu" or "cuda:0"; None is a GPU if there is one.
        num_threads: on a CPU; 0 is one for each core that the process may use.

    Raises:
        CheckpointError: the folder is not a whole checkpoint.
        SettingsError: the checkpoint cannot be loaded here.

    Example:
        >>> scorer = EngineScorer("model_repository/emotion/1/checkpoint")
        >>> scored = scorer({"text": np.array(["I danced all night", None], dtype=object)})
        >>> list(scored["label"]), list(scored["error"])
        (['joy', None], [None, 'text is null'])
    """

    def __init__(
        self,
        checkpoint: str | Path,
        *,
        column: str = "text",
        prefix: str = "",
        device: str | None = None,
        num_threads: int = 0,
    ) -> None:
        super().__init__(column=column, prefix=prefix)
        found = read_checkpoint(Path(checkpoint))
        settings = EngineSettings(num_threads=num_threads)
        device = device or find_device()
        self.chunk_texts = CHUNK_TEXTS if device.startswith("cpu") else GPU_CHUNK_TEXTS
        self.classifier = Classifier.load(found, settings=settings, device=device)
        self.classifier.warm_up()
        self.tokenizer = TextTokenizer(found.tokenizer_json(), max_length=found.max_length)
        self.facts = Facts(str(self.classifier.encoder), found.labels, found.revision)

    def describe(self) -> Facts:
        """Returns what it is, also from another process."""
        return self.facts

    def score_all(
        self, batches: Iterable[Texts], *, advance: Callable[[int], object] = lambda _: None
    ) -> Iterator[Scores]:
        """Yields the scores of each batch; another thread reads and tokenizes the next ones.

        Raises:
            OutOfMemory: the device has no memory for them.
        """
        chunks = cut(batches, size=self.chunk_texts)
        ahead = read_ahead(map(self._tokenize, chunks), num_ahead=NUM_AHEAD)
        with closing(ahead):  # type: ignore[type-var] # it is a generator
            computed = ((each.chunk, self._compute(each)) for each in ahead)
            yield from join_batches(computed, advance=advance)

    def close(self) -> None:
        """Does nothing: the weights go with the object."""

    def _tokenize(self, chunk: Chunk) -> Tokenized:
        errors = [find_problem(text) for text in chunk.texts]
        truncated = np.zeros(len(errors), dtype=bool)
        positions, rows = [], []
        found = [i for i, error in enumerate(errors) if error is None]
        encodings = self.tokenizer.encode([cast(str, chunk.texts[i]) for i in found])
        for i, encoding in zip(found, encodings, strict=True):
            if not encoding.input_ids:
                errors[i] = f"text {EMPTY}"
                continue
            positions.append(i)
            rows.append(np.array(encoding.input_ids, dtype=np.int64))
            truncated[i] = encoding.truncated
        return Tokenized(chunk, np.array(positions, dtype=np.int64), rows, truncated, errors)

    def _compute(self, tokenized: Tokenized) -> Scores:
        shape = (len(tokenized.errors), len(self.facts.labels))
        probabilities = np.full(shape, np.nan, dtype=np.float32)
        errors = list(tokenized.errors)
        outcome = self.classifier.predict(tokenized.rows)
        probabilities[tokenized.positions] = outcome.probabilities
        for row, failure in outcome.failures.items():
            if isinstance(failure, OutOfMemory):  # it says nothing about the text
                raise failure
            errors[tokenized.positions[row]] = str(failure)
            probabilities[tokenized.positions[row]] = np.nan
        return Scores(
            self.facts.labels, self.facts.revision, probabilities, tokenized.truncated, errors
        )
