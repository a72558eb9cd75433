"""Joins the labels in `data/poem_labels.tsv` to the texts of a collection of old poems.

The collection is facjure/public-domain-poetry: a file for each poem, with author and title between
two lines of dashes. It is not in this repository. The output is a folder of three JSONL files for
train.py and evaluate.py: train.jsonl and test.jsonl with the columns text and label, and
unlabelled.jsonl with other poems.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emotion_command.numbers import integer
from emotion_command.runner import Command
from emotion_command.signals import Interruption

from emotion_training.data import read_examples
from emotion_training.errors import DataError
from emotion_training.jsonl_file import write_jsonl

COMMAND = Command("poems", extra="train")
HEADER = re.compile(r"---\n.*?\n---\n", re.DOTALL)
SPLITS = ("test", "train")
# Frequent in English verse, and rare in the other languages of the collection.
ENGLISH = frozenset(
    ["the", "and", "of", "to", "in", "my", "i", "that", "with", "is", "his", "her", "for", "thy"]
)
MIN_WORDS, MIN_ENGLISH = 20, 0.15


@dataclass(frozen=True)
class Poem:
    """A labelled poem.

    Attributes:
        file: its name in the collection.
        label: as a reader saw it.
        split: "train", or "test" for those that nothing is learned from.
    """

    file: str
    label: str
    split: str


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m emotion_training.poems",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("poems", type=Path, metavar="FOLDER", help="the folder poems of the collection")
    add("labels", type=Path, metavar="TSV", help="data/poem_labels.tsv")
    add("--output", type=Path, required=True, metavar="FOLDER", help="folder to write into")
    number = "poems of unlabelled.jsonl, chosen at random (default: %(default)s)"
    add("--unlabelled", type=integer(1, 10**6), default=3000, metavar="NUMBER", help=number)
    args = parser.parse_args(argv)
    return COMMAND.run(
        lambda interruption: join(
            args.poems,
            labels=args.labels,
            output=args.output,
            num_unlabelled=args.unlabelled,
            interruption=interruption,
        ),
        describe_stop=lambda: "stopped; some files may be missing",
    )


def join(
    folder: Path, *, labels: Path, output: Path, num_unlabelled: int, interruption: Interruption
) -> int:
    """Writes the three files; returns the exit code."""
    poems = read_labels(labels)
    output.mkdir(parents=True, exist_ok=True)
    for split in SPLITS:
        rows = [
            {"text": read_poem(folder / poem.file), "label": poem.label}
            for poem in poems
            if poem.split == split
        ]
        write(rows, path=output / f"{split}.jsonl")
    others = sorted({path.name for path in folder.glob("*.txt")} - {poem.file for poem in poems})
    random.Random(0).shuffle(others)  # noqa: S311 - not a secret
    unlabelled: list[dict[str, str]] = []
    for name in others:
        interruption.check()
        if len(unlabelled) == num_unlabelled:
            break
        text = read_poem(folder / name)
        if is_english(text):
            unlabelled.append({"text": text})
    write(unlabelled, path=output / "unlabelled.jsonl")
    return 0


def read_labels(path: Path) -> list[Poem]:
    """Reads the table of labels.

    Raises:
        DataError: it cannot be read, or a split is not one of SPLITS.
    """
    labels = read_examples(path, text_column="poem", label_column="label")
    splits = read_examples(path, text_column="poem", label_column="split")
    for row in splits:
        if row.label not in SPLITS:
            raise DataError(f"{row.where}: expected the split test or train")
    return [Poem(x.text, x.label, y.label) for x, y in zip(labels, splits, strict=True)]


def read_poem(path: Path) -> str:
    """Returns a poem without its header, with blank lines between stanzas only.

    Raises:
        DataError: the collection lacks it.
    """
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    lines = [" ".join(line.split()) for line in HEADER.sub("", content, count=1).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def is_english(text: str) -> bool:
    """Tells whether a text is English, by its most frequent words."""
    words = re.findall("[a-z']+", text.lower())
    num_english = sum(word in ENGLISH for word in words)
    return len(words) >= MIN_WORDS and num_english >= MIN_ENGLISH * len(words)


def write(rows: Sequence[dict[str, str]], *, path: Path) -> None:
    """Writes texts, and says so."""
    write_jsonl(rows, path=path)
    COMMAND.say(f"wrote {path}: {len(rows)} texts")


if __name__ == "__main__":
    sys.exit(main())
