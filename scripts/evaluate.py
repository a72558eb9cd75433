#!/usr/bin/env python3
"""Measures how right a checkpoint is on labelled texts: in this process, or on a running server.

In this process it is plain transformers in float32, the reference of everything that is served.
With --url it is what a running server answers. Both print the same metrics and the same report,
and write the same files: metrics.json, confusion.png, reliability.png and predictions.jsonl,
which has labels and probabilities, never a text.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import numpy as np
from base_model import BaseModelError
from data_file import DataFile, identify
from emotion_client import EmotionClient, EmotionError, InvalidInput
from emotion_client.arguments import check_text
from emotion_client.command.interruption import Interruption
from emotion_client.command.output import take_any_character
from evaluation.evaluated_model import EvaluatedModel, ModelError, ModelFacts
from evaluation.local_model import load
from evaluation.result import FILES, Evaluation, build_files, write
from evaluation.scores import score
from evaluation.served_model import connect
from evaluation.summary import summarize
from examples import DataError, Example, check_labels, count_conflicts, read_examples
from healthcheck import parse_timeout, parse_url
from printing import mute_when_closed, put
from source_model import PrepareError

# A long file is not to be lost to a server that is started again meanwhile.
RESTART_TIMEOUT_S = 120.0
DEFAULT_BATCH_SIZE = 64
MAX_BATCH_SIZE = 1024
EPILOG = """\
Exit codes: 0 done or stopped; 1 --min-macro-f1 is missed, or the server stopped answering; 2 wrong
usage, bad input, or cannot start or write."""
PROGRESS_DELAY_S = 2.0


class EvaluateError(Exception):
    """The evaluation cannot be done; the message says why and what to do."""


# What is wrong with the input, and what keeps the evaluation from its start.
REFUSALS = (
    EvaluateError,
    DataError,
    ModelError,
    PrepareError,
    BaseModelError,
    InvalidInput,
    OSError,
)


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    take_any_character()
    interruption = Interruption()
    interruption.install()
    try:
        return run(args, interruption=interruption)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        put("stopped; nothing was written")
        return 0
    except ModuleNotFoundError as error:
        complain(f"{error.name} is missing; run: pip install '.[train]'")
        return 2
    except REFUSALS as error:
        complain(str(error))
        return 2
    except EmotionError as error:  # it answered at the start, and does no longer
        complain(str(error))
        return 1


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "data", type=Path, metavar="DATA", help="labelled texts: CSV, TSV, JSONL or Parquet"
    )
    model = parser.add_mutually_exclusive_group()
    model.add_argument(
        "--checkpoint",
        metavar="FOLDER|HUB_ID",
        help="a classifier with safetensors weights, or an adapter that train.py made "
        "(default: the checkpoint that this repository serves)",
    )
    model.add_argument(
        "--url", type=parse_url, metavar="HOST:PORT", help="gRPC of a running server to ask instead"
    )
    parser.add_argument(
        "--text-column",
        default="text",
        metavar="NAME",
        help="its name, or its number from 1 where there is no header (default: %(default)s)",
    )
    parser.add_argument(
        "--label-column", default="label", metavar="NAME", help="likewise (default: %(default)s)"
    )
    parser.add_argument(
        "--batch-size",
        type=parse_batch_size,
        default=DEFAULT_BATCH_SIZE,
        metavar="TEXTS",
        help="of a forward pass; with --url: requests of one text at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("evaluation"),
        metavar="FOLDER",
        help="where to write when all is measured; the files of an evaluation that are there are "
        "replaced, others stay (default: %(default)s)",
    )
    parser.add_argument(
        "--min-macro-f1", type=parse_share, metavar="0..1", help="exit with 1 where it is missed"
    )
    parser.add_argument(
        "--timeout",
        type=parse_timeout,
        default=RESTART_TIMEOUT_S,
        metavar="SECONDS",
        help="for an answer of the server, while it is started again too (default: %(default)s)",
    )
    return parser.parse_args(argv)


def parse_batch_size(text: str) -> int:
    """Returns the number that the text says."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_BATCH_SIZE:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of 1 to {MAX_BATCH_SIZE}")
    return int(text)


def parse_share(text: str) -> float:
    """Returns the number that the text says."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of 0 to 1")
    return value


def run(args: argparse.Namespace, *, interruption: Interruption) -> int:
    """Evaluates, prints and writes; returns the exit code."""
    import matplotlib  # noqa: F401 - missing ones are to be missed now, not after the measuring
    import sklearn.metrics  # noqa: F401

    check_output(args.output, data=args.data)
    examples = read_examples(
        args.data, text_column=args.text_column, label_column=args.label_column
    )
    data = identify(args.data, num_rows=len(examples))
    with open_model(args) as model:
        check_examples(examples, labels=model.facts.labels)
        say(describe_model(model.facts))
        for line in describe_data(examples, path=args.data):
            say(line)
        with show_progress(len(examples), check=interruption.check) as advance:
            evaluation = evaluate(
                model, examples=examples, data=data, batch_size=args.batch_size, advance=advance
            )
    put(summarize(evaluation.metrics, scores=evaluation.scores))  # whatever comes of the files
    files = build_files(evaluation)
    interruption.check()
    interruption.ignore()  # writing takes a moment and is not to be cut in two
    write(files, folder=args.output)
    say(f"wrote {args.output}")
    return judge(evaluation.scores.macro_f1, least=args.min_macro_f1)


def check_output(folder: Path, *, data: Path) -> None:
    """Refuses a place where nothing can be written, before anything is measured.

    Raises:
        EvaluateError: it is a file, below a file, or not ours to write, or the data are there
            under the name of a file that would be written.
    """
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        kind = "a file" if nearest.exists() else "a link that leads nowhere"
        raise EvaluateError(f"--output {folder}: {nearest} is {kind}; name a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise EvaluateError(f"--output {folder}: {nearest} cannot be written; name another folder")
    for path in (folder / name for name in FILES):
        if path.is_dir():
            raise EvaluateError(f"--output {folder}: {path} is a folder; name another folder")
        if path.exists() and data.exists() and path.samefile(data):
            raise EvaluateError(
                f"--output {folder}: {path} is the data and would be replaced; name another folder"
            )


def check_examples(examples: list[Example], *, labels: Sequence[str]) -> None:
    """Refuses data that the model cannot be measured with.

    Raises:
        DataError: a label is none of the model's.
        EvaluateError: a text can never be classified.
    """
    check_labels(examples, labels=list(labels))
    for example in examples:
        try:
            check_text(example.text)
        except InvalidInput as error:
            raise EvaluateError(f"{example.where}: {error}") from error


@contextmanager
def open_model(args: argparse.Namespace) -> Iterator[EvaluatedModel]:
    """Yields the model that the command line names.

    Raises:
        ModelError: no server answers, or the model gives several labels to a text.
        PrepareError: the checkpoint cannot be loaded, or has no label names.
        BaseModelError: the base of the adapter is missing or altered.
    """
    if args.url is None:
        yield load(args.checkpoint)
        return
    with EmotionClient(args.url, timeout_s=args.timeout) as client:
        yield connect(client)


def describe_model(facts: ModelFacts) -> str:
    """Returns one line on what is measured."""
    where = "the server at " if facts.is_served else ""
    revision = f", revision {facts.revision[:12]}" if facts.revision else ""
    return f"{where}{facts.name}: {len(facts.labels)} labels, {facts.max_length} tokens{revision}"


def describe_data(examples: list[Example], *, path: Path) -> Iterator[str]:
    """Yields one line on the data, and one more where texts have several labels."""
    counts = Counter(example.label for example in examples)
    shares = ", ".join(f"{label} {counts[label]}" for label in sorted(counts))
    yield f"{path}: {len(examples)} texts ({shares})"
    num_conflicts = count_conflicts(examples)
    if num_conflicts:
        yield f"texts with more than one label: {num_conflicts}"


def evaluate(
    model: EvaluatedModel,
    *,
    examples: list[Example],
    data: DataFile,
    batch_size: int,
    advance: Callable[[int], object],
) -> Evaluation:
    """Predicts all texts and compares the answers with their labels.

    Args:
        model: what to ask.
        examples: at least one, with labels of the model.
        data: where they are from.
        batch_size: texts under way at a time.
        advance: called with a number of texts when that many more are done.

    Raises:
        EmotionError: the server stopped answering.
        EvaluateError: the model answers something else than probabilities.
    """
    labels, texts = model.facts.labels, [example.text for example in examples]
    start = perf_counter()
    probabilities = model.predict(texts, batch_size=batch_size, advance=advance)
    runtime_s = perf_counter() - start
    truth = np.array([labels.index(example.label) for example in examples])
    try:
        scores = score(probabilities, truth=truth, labels=labels)
    except ValueError as error:
        raise EvaluateError(f"{model.facts.name} cannot be measured: {error}") from error
    metrics = {
        "eval_loss": scores.loss,
        "eval_macro_f1": scores.macro_f1,
        "eval_weighted_f1": scores.weighted_f1,
        "eval_runtime": runtime_s,
        "eval_samples_per_second": len(texts) / runtime_s,
        "eval_steps_per_second": model.count_steps(len(texts), batch_size=batch_size) / runtime_s,
    }
    return Evaluation(model.facts, data, truth, probabilities, scores, metrics)


@contextmanager
def show_progress(
    num_texts: int, *, check: Callable[[], None]
) -> Iterator[Callable[[int], object]]:
    """Shows a bar on standard error where it takes longer than `PROGRESS_DELAY_S`.

    Args:
        num_texts: all of them.
        check: called at every step.

    Yields:
        What to call with a number of texts when that many more are done.
    """
    from tqdm import tqdm  # type: ignore[import-untyped]

    bar = tqdm(total=num_texts, desc="evaluate", unit="text", delay=PROGRESS_DELAY_S)

    def advance(num_done: int) -> None:
        check()
        with mute_when_closed(sys.stderr):
            bar.update(num_done)

    try:
        yield advance
    finally:
        with mute_when_closed(sys.stderr):
            bar.close()


def judge(macro_f1: float, *, least: float | None) -> int:
    """Returns the exit code: 1 where macro F1 is below the least that is wanted."""
    if least is None or macro_f1 >= least:
        return 0
    found, wanted = tell_apart(macro_f1, least)
    complain(f"macro F1 {found} is below {wanted}")
    return 1


def tell_apart(first: float, second: float) -> tuple[str, str]:
    """Returns two numbers with 4 digits, or with more where 4 make them equal."""
    pairs = [(f"{first:.{digits}f}", f"{second:.{digits}f}") for digits in range(4, 18)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[-1])


def say(line: str) -> None:
    """Prints one line of progress."""
    put(f"evaluate: {line}")


def complain(sentence: str) -> None:
    """Prints one sentence on standard error."""
    put(f"evaluate: {sentence}", stream=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
