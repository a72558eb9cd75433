"""Selects the comments of GoEmotions that have one of this project's six labels.

GoEmotions (Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020, CC BY 4.0)
is published as train.tsv, dev.tsv and test.tsv: a comment, the numbers of its emotions separated
by commas, and an id. Comments with several of the six labels are left out. The output is JSONL
with the columns text and label, which train.py and evaluate.py read; with --others it has the
comments with none of the six, without a label, for `train.py --unlabelled`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from emotion_command.output_file import output_file
from emotion_command.runner import Command
from emotion_command.signals import Interruption

from emotion_training.data import Example, count_by_label, read_examples, show_label
from emotion_training.errors import DataError
from emotion_training.jsonl_file import write_jsonl
from emotion_training.wording import count

COMMAND = Command("goemotions", extra="train")
# The six among the 27 emotions and "neutral", by their published numbers.
LABELS = {"2": "anger", "14": "fear", "17": "joy", "18": "love", "25": "sadness", "26": "surprise"}
NUM_EMOTIONS = 28
NUMBERS = frozenset(map(str, range(NUM_EMOTIONS)))


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m emotion_training.goemotions",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("data", type=Path, metavar="TSV", help="train.tsv, dev.tsv or test.tsv as published")
    output = "the .jsonl file to write"
    add("--output", type=output_file, required=True, metavar="JSONL", help=output)
    which = parser.add_mutually_exclusive_group().add_argument
    alone = "leave out comments that also have one of the other emotions, or neutral"
    which("--alone", action="store_true", help=alone)
    others = "take the comments with none of the six labels instead, and leave the labels out"
    which("--others", action="store_true", help=others)
    args = parser.parse_args(argv)
    return COMMAND.run(
        lambda interruption: convert(
            args.data,
            output=args.output,
            is_alone=args.alone,
            are_others=args.others,
            interruption=interruption,
        ),
        describe_stop=lambda: "stopped; nothing was written",
    )


def convert(
    data: Path,
    *,
    output: Path,
    is_alone: bool,
    are_others: bool,
    interruption: Interruption,
) -> int:
    """Writes the selected comments; returns the exit code."""
    if data.suffix.lower() != ".tsv":
        raise DataError(f"{data}: expected train.tsv, dev.tsv or test.tsv as published")
    if output.suffix.lower() != ".jsonl":
        raise DataError(f"--output {output}: expected a .jsonl file, which train.py can read")
    if output.exists() and data.exists() and output.samefile(data):
        raise DataError(f"--output {output}: is the file to read; name another")
    comments = read_examples(data, text_column="1", label_column="2")
    examples = list(select_others(comments) if are_others else select(comments, is_alone=is_alone))
    if not examples:
        sought = "none" if are_others else "one"
        raise DataError(f"{data}: has 0 comments with {sought} of the six labels")
    interruption.check()
    interruption.ignore()  # writing is quick, and must not be cut short
    rows = [{"text": x.text, "label": x.label} if x.label else {"text": x.text} for x in examples]
    write_jsonl(rows, path=output)
    labels = f" ({count_by_label(examples)})" if examples[0].label else ""
    COMMAND.say(f"wrote {output}: {count(len(examples), 'text')}{labels}")
    return 0


def select(comments: Iterable[Example], *, is_alone: bool) -> Iterator[Example]:
    """Yields the comments with exactly one of the six labels, under its name.

    Args:
        comments: their labels are the numbers as published, separated by commas.
        is_alone: whether to leave out those that also have another emotion.

    Raises:
        DataError: a label is not a list of GoEmotions' numbers.
    """
    for comment in comments:
        numbers = read_numbers(comment)
        labels = [LABELS[number] for number in numbers if number in LABELS]
        if len(labels) == 1 and not (is_alone and len(numbers) > 1):
            yield Example(comment.text, labels[0], comment.where)


def select_others(comments: Iterable[Example]) -> Iterator[Example]:
    """Yields the comments with none of the six labels, with "" for a label.

    Raises:
        DataError: a label is not a list of GoEmotions' numbers.
    """
    for comment in comments:
        if LABELS.keys().isdisjoint(read_numbers(comment)):
            yield Example(comment.text, "", comment.where)


def read_numbers(comment: Example) -> list[str]:
    """Returns the numbers of a comment's emotions.

    Raises:
        DataError: its label is not a list of GoEmotions' numbers.
    """
    numbers = comment.label.split(",")
    for number in numbers:
        if number not in NUMBERS:
            raise DataError(
                f"{comment.where}: has {show_label(number)}; GoEmotions' numbers are 0 to"
                f" {NUM_EMOTIONS - 1}: give a file as published"
            )
    return numbers


if __name__ == "__main__":
    sys.exit(main())
