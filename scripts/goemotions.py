#!/usr/bin/env python3
"""Takes from a file of GoEmotions the comments that have one of this project's six labels.

GoEmotions (Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020, CC BY 4.0)
is published as train.tsv, dev.tsv and test.tsv: a comment, its emotions as numbers separated by
commas, and an id. Comments with several of the six labels are left out. What is written is JSONL
with the columns text and label, as train.py and evaluate.py read it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from emotion_client.command.interruption import Interruption
from emotion_client.command.output import take_any_character
from examples import DataError, Example, read_examples, show_label
from printing import put

# The six among the 27 emotions and "neutral", by their published numbers.
LABELS = {"2": "anger", "14": "fear", "17": "joy", "18": "love", "25": "sadness", "26": "surprise"}
NUM_EMOTIONS = 28
NUMBERS = frozenset(map(str, range(NUM_EMOTIONS)))


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    args = parse_args(argv)
    take_any_character()
    interruption = Interruption()
    interruption.install()
    try:
        check_paths(args.data, output=args.output)
        comments = read_examples(args.data, text_column="1", label_column="2")
        examples = select(comments, is_alone=args.alone)
        if not examples:
            raise DataError(f"{args.data}: has 0 comments with one of the six labels")
        interruption.check()
        interruption.ignore()  # writing takes a moment and is not to be cut in two
        write(examples, path=args.output)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        put("stopped; nothing was written")
        return 0
    except (DataError, OSError) as error:
        put(f"goemotions: {error}", stream=sys.stderr)
        return 2
    counts = Counter(example.label for example in examples)
    shares = ", ".join(f"{label} {counts[label]}" for label in sorted(counts))
    put(f"goemotions: wrote {args.output}: {len(examples)} texts ({shares})")
    return 0


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parses the command line; wrong usage exits with code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, metavar="TSV", help="train.tsv, dev.tsv or test.tsv as published"
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="JSONL", help="the .jsonl file to write"
    )
    parser.add_argument(
        "--alone",
        action="store_true",
        help="leave out comments that also have one of the other emotions, or neutral",
    )
    return parser.parse_args(argv)


def check_paths(data: Path, *, output: Path) -> None:
    """Refuses a file that is not as published, and a place where none can be written.

    Raises:
        DataError: it is one of them.
    """
    if data.suffix.lower() != ".tsv":
        raise DataError(f"{data}: is no .tsv; give train.tsv, dev.tsv or test.tsv as published")
    if output.is_dir():
        raise DataError(f"--output {output}: is a folder; name a file in it")
    if output.suffix.lower() != ".jsonl":
        raise DataError(f"--output {output}: is no .jsonl; name it so for train.py to read it")
    if not output.parent.is_dir():
        raise DataError(f"--output {output}: there is no folder {output.parent}; make it first")
    if output.exists() and data.exists() and output.samefile(data):
        raise DataError(f"--output {output}: is the file to be read; name another")


def select(comments: list[Example], *, is_alone: bool) -> list[Example]:
    """Returns the comments with one of the six labels, under its name.

    Args:
        comments: their labels are the numbers as published, separated by commas.
        is_alone: whether those with a further emotion are left out.

    Raises:
        DataError: a label is not a list of GoEmotions' numbers.
    """
    selected = []
    for comment in comments:
        numbers = parse_numbers(comment)
        labels = [LABELS[number] for number in numbers if number in LABELS]
        if len(labels) == 1 and not (is_alone and len(numbers) > 1):
            selected.append(Example(comment.text, labels[0], comment.where))
    return selected


def parse_numbers(comment: Example) -> list[str]:
    """Returns the numbers of a comment's emotions.

    Raises:
        DataError: its label is not a list of them.
    """
    numbers = comment.label.split(",")
    for number in numbers:
        if number not in NUMBERS:
            raise DataError(
                f"{comment.where}: has {show_label(number)}; GoEmotions' numbers are 0 to"
                f" {NUM_EMOTIONS - 1}: give a file as published"
            )
    return numbers


def write(examples: list[Example], *, path: Path) -> None:
    """Writes one JSON object a line, whole or not at all."""
    lines = [json.dumps({"text": x.text, "label": x.label}, ensure_ascii=False) for x in examples]
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as scratch:
        new = Path(scratch) / path.name
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
        new.replace(path)


if __name__ == "__main__":
    sys.exit(main())
