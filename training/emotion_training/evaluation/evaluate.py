"""Evaluates a model: reads labelled texts, predicts them, compares, prints and writes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from emotion_client import EmotionClient, InvalidInput
from emotion_client.arguments import check_text
from emotion_command.output import put
from emotion_command.progress import show_progress
from emotion_command.signals import Interruption

from emotion_training.data import (
    DataFile,
    Example,
    check_labels,
    count_by_label,
    count_conflicts,
    identify,
    read_examples,
)
from emotion_training.errors import DataError, ModelError
from emotion_training.evaluation.evaluated_model import EvaluatedModel, ModelFacts
from emotion_training.evaluation.local_model import load
from emotion_training.evaluation.result import FILES, Evaluation, build_files, summarize, write
from emotion_training.evaluation.scores import Scores, score
from emotion_training.evaluation.served_model import connect


@dataclass(frozen=True)
class Options:
    """What to evaluate; `evaluate.py --help` explains each option.

    Attributes:
        data: file of labelled texts.
        checkpoint: folder or hub id; None for the one that this repository serves.
        url: "host:port" of a server to ask instead; None for a model in this process.
        batch_size: texts of one forward pass, or requests in flight.
        timeout_s: of a call to the server.
    """

    data: Path
    text_column: str
    label_column: str
    checkpoint: str | None
    url: str | None
    batch_size: int
    timeout_s: float
    output: Path


def evaluate(
    options: Options, *, report: Callable[[str], None], interruption: Interruption
) -> Scores:
    """Evaluates a model, prints its scores, and writes its files.

    Args:
        options: what to evaluate.
        report: gets a line on each step.
        interruption: raises what Ctrl-C left behind.

    Raises:
        DataError: the labelled texts cannot be used, or the output cannot be written.
        ModelError: the model cannot be evaluated, or the server does not answer.
        PrepareError: the checkpoint cannot be loaded, or has no label names.
        BaseModelError: the base of the adapter is missing or altered.
        EmotionError: the server stopped answering.
    """
    import matplotlib  # noqa: F401 - if one is missing, fail now and not after the measurement
    import sklearn.metrics  # noqa: F401

    check_output(options.output, data=options.data)
    examples = read_examples(
        options.data, text_column=options.text_column, label_column=options.label_column
    )
    data = identify(options.data, num_rows=len(examples))
    with open_model(options) as model:
        check_examples(examples, labels=model.facts.labels)
        report(describe_model(model.facts))
        for line in describe_data(examples, path=options.data):
            report(line)
        with show_progress(len(examples), name="evaluate", beside_results=True) as show:

            def advance(num_done: int) -> None:
                interruption.check()
                show(num_done)

            evaluation = measure(
                model,
                examples=examples,
                data=data,
                batch_size=options.batch_size,
                advance=advance,
            )
    put(summarize(evaluation.metrics, scores=evaluation.scores))  # even if writing fails
    files = build_files(evaluation)
    interruption.check()
    interruption.ignore()  # writing is quick, and must not be cut short
    write(files, folder=options.output)
    report(f"wrote {options.output}")
    return evaluation.scores


def check_output(folder: Path, *, data: Path) -> None:
    """Refuses a folder that cannot be written, before anything is measured.

    Raises:
        DataError: it is a file, below a file, or not writable, or a file that would be written is
            a folder or the data itself.
    """
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        kind = "a file" if nearest.exists() else "a broken link"
        raise DataError(f"--output {folder}: {nearest} is {kind}; name a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise DataError(f"--output {folder}: {nearest} cannot be written; name another folder")
    for path in (folder / name for name in FILES):
        if path.is_dir():
            raise DataError(f"--output {folder}: {path} is a folder; name another folder")
        if path.exists() and data.exists() and path.samefile(data):
            raise DataError(
                f"--output {folder}: {path} is the data and would be replaced; name another folder"
            )


def check_examples(examples: list[Example], *, labels: Sequence[str]) -> None:
    """Refuses texts that the model cannot be evaluated with.

    Raises:
        DataError: the model lacks a label, or a text can never be classified.
    """
    check_labels(examples, labels=list(labels))
    for example in examples:
        try:
            check_text(example.text)
        except InvalidInput as error:
            raise DataError(f"{example.where}: {error}") from error


@contextmanager
def open_model(options: Options) -> Iterator[EvaluatedModel]:
    """Yields the model that the options name.

    Raises:
        ModelError: the server does not answer, or the model gives several labels to a text.
        PrepareError: the checkpoint cannot be loaded, or has no label names.
        BaseModelError: the base of the adapter is missing or altered.
    """
    if options.url is None:
        yield load(options.checkpoint)
        return
    with EmotionClient(options.url, timeout_s=options.timeout_s) as client:
        yield connect(client)


def describe_model(facts: ModelFacts) -> str:
    """Returns a line on the model."""
    where = "the server at " if facts.is_served else ""
    revision = f", revision {facts.revision[:12]}" if facts.revision else ""
    return f"{where}{facts.name}: {len(facts.labels)} labels, {facts.max_length} tokens{revision}"


def describe_data(examples: list[Example], *, path: Path) -> Iterator[str]:
    """Yields a line on the data, and another if texts have several labels."""
    yield f"{path}: {len(examples)} texts ({count_by_label(examples)})"
    num_conflicts = count_conflicts(examples)
    if num_conflicts:
        yield f"texts with more than one label: {num_conflicts}"


def measure(
    model: EvaluatedModel,
    *,
    examples: list[Example],
    data: DataFile,
    batch_size: int,
    advance: Callable[[int], object],
) -> Evaluation:
    """Predicts all texts and compares the predictions with their labels.

    Args:
        model: what to evaluate.
        examples: at least one, with labels of the model.
        data: the file that they are from.
        batch_size: texts of one forward pass, or requests in flight.
        advance: called with the number of texts just done.

    Raises:
        EmotionError: the server stopped answering.
        ModelError: the model's answers are not probabilities.
    """
    labels, texts = model.facts.labels, [example.text for example in examples]
    start = perf_counter()
    probabilities = model.predict(texts, batch_size=batch_size, advance=advance)
    runtime_s = perf_counter() - start
    truth = np.array([labels.index(example.label) for example in examples])
    try:
        scores = score(probabilities, truth=truth, labels=labels)
    except ValueError as error:
        raise ModelError(f"{model.facts.name} cannot be evaluated: {error}") from error
    metrics = {
        "eval_loss": scores.loss,
        "eval_macro_f1": scores.macro_f1,
        "eval_weighted_f1": scores.weighted_f1,
        "eval_runtime": runtime_s,
        "eval_samples_per_second": len(texts) / runtime_s,
        "eval_steps_per_second": model.count_steps(len(texts), batch_size=batch_size) / runtime_s,
    }
    return Evaluation(model.facts, data, truth, probabilities, scores, metrics)


def describe_miss(macro_f1: float, *, least: float) -> str | None:
    """Returns a sentence if macro F1 is below the least; with more digits if 4 make them equal."""
    if macro_f1 >= least:
        return None
    pairs = [(f"{macro_f1:.{digits}f}", f"{least:.{digits}f}") for digits in range(4, 18)]
    found, needed = next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])
    return f"macro F1 {found} is below {needed}"
