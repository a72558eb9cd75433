"""Prepares the checkpoint that Triton serves: an ordinary Hugging Face folder, checked first."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from emotion_command.checkout import ADAPTER
from emotion_engine.checkpoint import FILES, read_checkpoint
from emotion_engine.checksums import SUMS, write_checksums

from emotion_training.checkpoint.comparison import (
    MAX_DRIFT,
    check_error,
    compare_predictions,
    compare_tokenizers,
    compute_reference,
)
from emotion_training.checkpoint.max_length import choose_max_length, count_positions
from emotion_training.checkpoint.source_checks import check_source_tokenizer
from emotion_training.checkpoint.source_model import load_source
from emotion_training.checkpoint.writing import is_write_error, keep_float32, write_checkpoint
from emotion_training.errors import PrepareError


def prepare(
    model: str | None,
    *,
    target: Path,
    revision: str | None = None,
    max_length: int | None = None,
    labels: Sequence[str] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Writes a checkpoint folder, and puts it in place once it is complete and checked.

    Args:
        model: folder of a classifier or of an adapter, or hub id; None for the shipped adapter.
        target: the folder to write; an older checkpoint there is replaced.
        revision: commit, tag or branch of a hub model.
        max_length: most tokens of a text; None leaves it to `choose_max_length`.
        labels: the names of a classifier's outputs, in their order; None takes its own.
        report: gets a line on each step.

    Raises:
        PrepareError: the model cannot be served, or the target holds something else.
        BaseModelError: the default base is missing or altered.
    """
    check_target(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".checkpoint-") as scratch:
            new = Path(scratch) / "new"
            write(
                model,
                folder=new,
                revision=revision,
                max_length=max_length,
                labels=labels,
                report=report,
            )
            swap(new, target=target, old=Path(scratch) / "old")
    except Exception as error:
        if isinstance(error, OSError) or not is_write_error(error):
            raise
        raise PrepareError(f"{target}: cannot be written (is the disk full?); make room") from error
    report(f"wrote {target}")


def write(
    model: str | None,
    *,
    folder: Path,
    revision: str | None,
    max_length: int | None,
    labels: Sequence[str] | None,
    report: Callable[[str], None],
) -> None:
    """Writes a checkpoint into an empty folder and compares it with its source."""
    report(f"loading {model or 'the shipped adapter and its base'}")
    source, tokenizer = load_source(model, revision=revision, labels=labels)
    check_source_tokenizer(tokenizer, vocab_size=source.config.vocab_size)
    origin = ADAPTER if model is None else Path(model)
    length = choose_max_length(max_length, folder=origin, source=source, tokenizer=tokenizer)
    report(describe_length(length, limit=count_positions(source)))
    write_checkpoint(source, tokenizer, folder=folder, max_length=length)
    write_checksums(folder, FILES)
    report("comparing the written checkpoint with its source")
    checkpoint = read_checkpoint(folder)
    compare_tokenizers(checkpoint, tokenizer=tokenizer)
    rows, expected = compute_reference(
        checkpoint, source=source, tokenizer=tokenizer, report=report
    )
    check_error(compare_predictions(checkpoint, rows=rows, expected=expected))
    try:
        drift = compare_predictions(checkpoint, rows=rows, expected=expected, dtype="bfloat16")
    except PrepareError:  # some architectures have code for float32 only
        drift = math.inf
    report(describe_drift(drift))
    if not drift <= MAX_DRIFT:
        keep_float32(folder)
        write_checksums(folder, FILES)


def describe_length(length: int, *, limit: int) -> str:
    """Returns a sentence on how much of a text is read."""
    more = (
        f" of the {limit:,} that the model has positions for"
        if length < limit < sys.maxsize
        else ""
    )
    return f"texts are cut after {length} tokens{more} (--max-length)"


def describe_drift(drift: float) -> str:
    """Returns a sentence on the error in bfloat16, and what follows from it."""
    if drift <= MAX_DRIFT:
        return f"in bfloat16, probabilities differ by at most {drift:.3f}"
    why = f"differ by up to {drift:.3f} (limit {MAX_DRIFT})" * math.isfinite(drift)
    return (
        f"in bfloat16, probabilities {why or 'cannot be computed'}: it is served in float32, "
        "unless config.pbtxt names a dtype"
    )


def check_target(target: Path) -> None:
    """Refuses to replace anything but a checkpoint.

    Raises:
        PrepareError: the target is a file, or a folder with other files in it.
    """
    if target.exists() and not target.is_dir():
        raise PrepareError(f"--output {target} is a file; name a folder")
    names = {path.name for path in target.iterdir()} if target.exists() else set()
    if foreign := names - {*FILES, SUMS}:
        raise PrepareError(
            f"--output {target} holds {min(foreign)!r} and would be replaced; name another folder"
        )


def swap(new: Path, *, target: Path, old: Path) -> None:
    """Puts the new folder in the target's place; if interrupted, the old one stays."""
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
