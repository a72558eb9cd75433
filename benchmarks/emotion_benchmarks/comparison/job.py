"""What every server is asked, and which answers are right."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from emotion_command.errors import Refusal
from emotion_loadtest.texts import LYRIC_LIMIT, LYRICS, Mix, build_mix, make_lyrics, read_own_texts
from emotion_server.triton_server import check_repository
from emotion_training.evaluation.local_model import LocalModel, load
from numpy.typing import NDArray

from emotion_benchmarks.comparison.exchange import Answer
from emotion_benchmarks.comparison.peers import find_checkpoint

NUM_TEXTS = 1_500
NUM_CHECKED = 64
# What bfloat16 may change a probability by: the promise of ours.
MAX_ERROR = 0.03
# Two labels that are closer may change places.
MAX_DIFFERENCE = 2 * MAX_ERROR


@dataclass(frozen=True)
class Check:
    """How some answers compare with the model's own.

    Attributes:
        num_wrong: answers that differ, apart from rounding.
        max_error: largest difference between a confidence and the model's own probability of that
            label, 0 to 1; an unknown label counts as 1.
    """

    num_wrong: int
    max_error: float


@dataclass(frozen=True)
class Job:
    """What every server is asked.

    Attributes:
        mix: the texts.
        labels: of the model.
        probabilities: (NUM_CHECKED, num_labels) float32, the model's own for the first texts.
        dtype: what ours computes in.
        num_workers: model processes that suit the machine.
        repository: the model repository.
        warm_up_s: seconds before each measurement.
        seconds: of each measurement.
    """

    mix: Mix
    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]
    dtype: str
    num_workers: int
    repository: Path
    warm_up_s: float
    seconds: float

    @property
    def texts(self) -> list[str]:
        """What is asked."""
        return self.mix.rounds[0]

    def check(self, answers: Sequence[Answer]) -> Check:
        """Compares the answers to the first texts with the model's own."""
        wanted = [dict(zip(self.labels, row, strict=True)) for row in self.probabilities.tolist()]
        pairs = list(zip(answers, wanted, strict=True))
        return Check(
            num_wrong=sum(not is_right(answer, own) for answer, own in pairs),
            max_error=max(measure_error(answer, own) for answer, own in pairs),
        )


def measure_error(answer: Answer, wanted: dict[str, float]) -> float:
    """Returns how far a confidence is from the model's own probability of that label."""
    own = wanted.get(answer.label)
    return 1.0 if own is None else abs(answer.confidence - own)


def is_right(answer: Answer, wanted: dict[str, float]) -> bool:
    """Returns whether an answer is the model's own, apart from rounding.

    Args:
        answer: of a server.
        wanted: the model's probability of each label.
    """
    own = wanted.get(answer.label)
    return (
        own is not None
        and max(wanted.values()) - own <= MAX_DIFFERENCE
        and measure_error(answer, wanted) <= MAX_DIFFERENCE
    )


def prepare(repository: Path, *, seed: int, warm_up_s: float, seconds: float) -> Job:
    """Makes the texts, and classifies some of them with plain transformers.

    Args:
        repository: the model repository.
        seed: another one makes other texts.
        warm_up_s: seconds before each measurement.
        seconds: of each measurement.

    Raises:
        Refusal: the model does not read `LYRIC_LIMIT` tokens.
        DataError: the project's texts are missing.
        TextError: the lyrics cannot be made from them.
        StartError: the checkpoint is missing or broken.
        ModelError: it gives several labels to a text.
    """
    check_repository(repository)
    model = load(str(find_checkpoint(repository)))
    if model.facts.max_length != LYRIC_LIMIT:
        raise Refusal(
            f"the model reads {model.facts.max_length} tokens of a text; the lyrics are made for "
            f"{LYRIC_LIMIT}, so prepare a checkpoint with that max_length"
        )
    mix = make_mix(model, seed=seed)
    checked = mix.rounds[0][:NUM_CHECKED]
    probabilities = model.predict(checked, batch_size=16, advance=lambda _: None)
    dtype, num_workers = choose_compute()
    return Job(
        mix,
        labels=model.facts.labels,
        probabilities=probabilities,
        dtype=dtype,
        num_workers=num_workers,
        repository=repository,
        warm_up_s=warm_up_s,
        seconds=seconds,
    )


def make_mix(model: LocalModel, *, seed: int) -> Mix:
    """Returns the lyrics that every server is asked for."""

    def count(texts: Sequence[str]) -> list[int]:
        return [len(ids) for ids in model.tokenizer(list(texts), verbose=False)["input_ids"]]

    verses = read_own_texts("verses")
    rng = random.Random(seed)  # noqa: S311 - no secret
    lyrics = make_lyrics(verses, sizes=[NUM_TEXTS], count=count, rng=rng)
    return build_mix(LYRICS, lyrics, count=count)


def choose_compute() -> tuple[str, int]:
    """Returns what ours computes in, and how many model processes suit the machine.

    One per core, with one thread each, is what LitServe's documentation advises for a CPU. A GPU
    gets one.
    """
    import torch
    from emotion_engine.dtype import choose_dtype

    has_gpu = torch.cuda.is_available()
    dtype = choose_dtype("auto", device="cuda" if has_gpu else "cpu")
    return dtype, 1 if has_gpu else len(os.sched_getaffinity(0))
