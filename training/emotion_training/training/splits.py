"""Training, validation and test data that share no text. Pure: lists in, lists out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from emotion_training.data import Example, check_labels, count_conflicts, fold_text, show_label
from emotion_training.errors import DataError


@dataclass(frozen=True)
class Splits:
    """The examples of a training, each text in one split only.

    Attributes:
        train: for learning.
        validation: for early stopping and for fitting the temperature.
        test: for measuring; may be empty.
        labels: the distinct labels of the training data as given, sorted.
        dropped: examples by the split that lost them and the one that has the same texts.
        num_conflicts: texts that occur with different labels in the data as given.
    """

    train: list[Example]
    validation: list[Example]
    test: list[Example]
    labels: tuple[str, ...]
    dropped: dict[tuple[str, str], list[Example]]
    num_conflicts: int

    def num_rows(self) -> dict[str, dict[str, int]]:
        """Returns the number of rows of each split by label."""
        splits = {"train": self.train, "validation": self.validation, "test": self.test}
        counts = {name: Counter(x.label for x in split) for name, split in splits.items()}
        return {name: {x: count[x] for x in self.labels} for name, count in counts.items()}


def split_examples(
    train: Sequence[Example],
    *,
    validation: Sequence[Example],
    test: Sequence[Example],
    share: float,
    seed: int,
) -> Splits:
    """Drops the texts of test from the other splits, and those of validation from training.

    Args:
        train: the training data.
        validation: if empty, `share` of the training data is held out for it.
        test: may be empty.
        share: see `hold_out`.
        seed: see `hold_out`.

    Raises:
        DataError: training has fewer than 2 labels, another split has a label that training lacks,
            or no text of a label or split is left.
    """
    labels = tuple(sorted({example.label for example in train}))
    if len(labels) < 2:
        raise DataError(f"training has only {show_label(labels[0])}; at least 2 are needed")
    check_labels([*validation, *test], labels=labels)
    untested, of_test = drop_shared(train, others=test)
    held, held_of_test = drop_shared(validation, others=test)
    if validation and not held:
        raise DataError(
            f"{describe_place(validation)}all {len(validation)} validation texts are also in"
            " --test; give other texts"
        )
    check_left(untested, given=train, others="--test")
    learned, of_validation = drop_shared(untested, others=held)
    check_left(learned, given=train, others="--test or --validation" if test else "--validation")
    if not validation:
        learned, held = hold_out(learned, share=share, seed=seed)
    return Splits(
        train=learned,
        validation=held,
        test=list(test),
        labels=labels,
        dropped={
            ("training", "test"): of_test,
            ("validation", "test"): held_of_test,
            ("training", "validation"): of_validation,
        },
        num_conflicts=count_conflicts([*train, *validation, *test]),
    )


def check_left(left: Sequence[Example], *, given: Sequence[Example], others: str) -> None:
    """Refuses training data if all texts of a label are in other splits.

    Args:
        left: the training texts that those splits do not have.
        given: the training data as given.
        others: the options that name those splits.

    Raises:
        DataError: no text of a label, or no text at all, is left.
    """
    lost = sorted({example.label for example in given} - {example.label for example in left})
    if lost:
        gone = [x for x in given if x.label == lost[0]] if left else given
        of_label = f" with {show_label(lost[0])}" if left else ""
        raise DataError(
            f"{describe_place(gone)}all {len(gone)} training texts{of_label} are also in {others};"
            " give other texts"
        )


def hold_out(
    examples: Sequence[Example], *, share: float, seed: int
) -> tuple[list[Example], list[Example]]:
    """Splits into the rest and a random `share` of each label's distinct texts.

    Rows with equal texts go to the same side and count for the first one's label. Each side gets at
    least one text of every label, so more than `share` of a rare label may be held out.

    Args:
        examples: in any order, which both sides keep.
        share: 0 to 1.
        seed: the same seed holds out the same texts of the same examples.

    Raises:
        DataError: a label has fewer than 2 distinct texts.
    """
    label_of: dict[str, str] = {}
    for example in examples:
        label_of.setdefault(fold_text(example.text), example.label)
    texts_of: dict[str, list[str]] = {example.label: [] for example in examples}
    for text, label in label_of.items():
        texts_of[label].append(text)
    rng, held = random.Random(seed), set[str]()  # noqa: S311 - not a secret
    for label, texts in sorted(texts_of.items()):
        if len(texts) < 2:
            place = describe_place([example for example in examples if example.label == label])
            raise DataError(
                f"{place}{show_label(label)} has {len(texts)} distinct training text; 2 are"
                " needed to hold one out: add texts, or give --validation"
            )
        num_held = min(max(1, round(share * len(texts))), len(texts) - 1)
        held.update(rng.sample(texts, num_held))
    return partition(examples, texts=held)


def drop_shared(
    train: Sequence[Example], *, others: Iterable[Example]
) -> tuple[list[Example], list[Example]]:
    """Returns the examples of `train` whose texts `others` lack, and those that are dropped."""
    return partition(train, texts={fold_text(example.text) for example in others})


def partition(
    examples: Sequence[Example], *, texts: Set[str]
) -> tuple[list[Example], list[Example]]:
    """Returns the examples whose folded texts are not among `texts`, and the others."""
    rest = [example for example in examples if fold_text(example.text) not in texts]
    found = [example for example in examples if fold_text(example.text) in texts]
    return rest, found


def describe_place(examples: Sequence[Example]) -> str:
    """Returns file and line of the first for a message; empty if it was not read from a file."""
    return f"{examples[0].where}: " if examples[0].where else ""
