"""What every engine computes, and the right answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from emotion_engine.checkpoint import read_checkpoint
from emotion_loadtest.texts import read_own_texts
from emotion_training.quiet import silence_transformers
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from emotion_benchmarks.engine.shape import build_config
from emotion_benchmarks.engine.workload import Workload, build_workloads
from emotion_benchmarks.random_checkpoint import write_random

DEFAULT, BERT_BASE = "default", "bert-base"
MODELS = (DEFAULT, BERT_BASE)
NUM_CALIBRATION_ROWS = 128
Rows = list[list[int]]


@dataclass(frozen=True, eq=False)
class EngineJob:
    """A model, and what it computes.

    Attributes:
        model: its name.
        checkpoint: its folder, as scripts/prepare_model.py writes it.
        workloads: by name, the rows of token ids.
        calibration: rows from which an engine may learn the range of its values.
        wanted: by workload, the probabilities in float32, (num_rows, num_labels).
    """

    model: str
    checkpoint: Path
    workloads: dict[str, Rows]
    calibration: Rows
    wanted: dict[str, NDArray[np.float32]]


def prepare(
    models: Sequence[str], *, checkpoint: Path, folder: Path, report: Callable[[str], None]
) -> list[EngineJob]:
    """Writes the models, and computes the right answers with plain transformers.

    Args:
        models: some of `MODELS`.
        checkpoint: folder of the default model.
        folder: for the models.
        report: gets a line for each model.

    Raises:
        CheckpointError: there is no prepared checkpoint.
        DataError: the project's texts are missing.
    """
    silence_transformers()
    jobs = []
    for model in models:
        report(f"{model}: asking plain transformers for the right answers")
        place = folder / model
        place.mkdir()
        known = read_checkpoint(checkpoint)
        if model != DEFAULT:
            known = write_random(build_config(model), like=known, folder=place / "checkpoint")
        verses = tokenize_verses(checkpoint, max_length=known.max_length)
        workloads = {
            each.name: fill_rows(each, verses=verses)
            for each in choose_workloads(max_length=known.max_length)
        }
        calibration, wanted = verses[:NUM_CALIBRATION_ROWS], compute(known.folder, workloads)
        jobs.append(EngineJob(model, known.folder, workloads, calibration, wanted))
    return jobs


def choose_workloads(*, max_length: int) -> list[Workload]:
    """Returns a row of 32 tokens, one of 128, 8 lyrics and 64 lyrics."""
    short, full, few, many = build_workloads(max_length=max_length)
    return [short, replace(full, name="1 row of 128", row_lens=full.row_lens[:1]), few, many]


def tokenize_verses(checkpoint: Path, *, max_length: int) -> Rows:
    """Returns the ids of the project's own verses, special tokens included."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    texts = read_own_texts("verses")
    rows: Rows = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return rows


def fill_rows(workload: Workload, *, verses: Rows) -> Rows:
    """Returns rows of a workload's lengths with the tokens of verse after verse.

    Random ids would say little about the accuracy of an engine.
    """
    first, last = verses[0][0], verses[0][-1]
    tokens = [token for verse in verses for token in verse[1:-1]]
    rows, start = [], 0
    for row_len in workload.row_lens:
        taken = tokens[start : start + row_len - 2]
        rows.append([first, *taken, last])
        start = (start + row_len) % (len(tokens) - max(workload.row_lens))
    return rows


def compute(checkpoint: Path, workloads: dict[str, Rows]) -> dict[str, NDArray[np.float32]]:
    """Returns transformers' own probabilities in float32, row by row, without padding."""
    model = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, dtype=torch.float32, use_safetensors=True, local_files_only=True
    ).eval()
    answers = {}
    with torch.inference_mode():
        for name, rows in workloads.items():
            logits = [model(input_ids=torch.tensor([row])).logits for row in rows]
            answers[name] = torch.cat(logits).softmax(dim=1).numpy()
    return answers
