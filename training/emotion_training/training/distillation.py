"""What a network learns from if there is a teacher: labels, its answers, and texts without labels.

Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015. The teacher is asked
once about every text; what it computed stays in the cache, for other trainings too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from emotion_command.progress import show_progress
from emotion_command.signals import Interruption
from numpy.typing import NDArray

from emotion_training.data import Example, fold_text, read_texts
from emotion_training.training.cache import Cache
from emotion_training.training.head import fit_head
from emotion_training.training.lessons import Lesson, teach
from emotion_training.training.recipe import Recipe
from emotion_training.training.teacher import Teacher, load_teacher
from emotion_training.training.windows import Window, split_windows


@dataclass(frozen=True, eq=False)
class Course:
    """What a teacher made.

    Attributes:
        lessons: one for each training text, then one for each text that the teacher labelled.
        held: lessons that are not learned from: those of a share of the texts that it labelled.
        num_unlabelled: number of texts that it labelled.
        temperature: of the teacher's answers to unlabelled texts; 1 if it is a classifier.
        agreement: share of the training texts whose label it gives, without having seen it if it
            is an encoder.
    """

    lessons: list[Lesson]
    held: list[Lesson]
    num_unlabelled: int
    temperature: float
    agreement: float

    def describe(self) -> dict[str, float]:
        """Returns its entry in training.json."""
        return {
            "unlabelled": self.num_unlabelled,
            "temperature": self.temperature,
            "agreement": self.agreement,
        }


def make_course(
    train: Sequence[Example],
    *,
    others: Sequence[Example],
    labels: Sequence[str],
    recipe: Recipe,
    tokenizer: Any,
    cache: Callable[[str], Cache],
    interruption: Interruption,
) -> Course:
    """Asks the teacher of the recipe about all texts.

    Args:
        train: labelled texts to learn from.
        others: those of the other splits, which nothing is learned from.
        labels: every label, in the order of the network's outputs.
        recipe: names the teacher and the files of unlabelled texts.
        tokenizer: of the network that learns.
        cache: returns the teacher's cache for its key.
        interruption: raises between two chunks of texts what Ctrl-C left behind.

    Raises:
        DataError: the teacher or a file of unlabelled texts cannot be used.
    """
    assert recipe.teacher is not None
    windows = read_windows(recipe, train=train, others=others, tokenizer=tokenizer)
    teacher = load_teacher(recipe.teacher, labels=labels, max_length=recipe.max_length)
    texts = [example.text for example in train] + [window.text for window in windows]
    read = _read_all(
        teacher, texts=texts, cache=cache(teacher.key), check=interruption.check
    )  # (num_texts, num_labels or hidden_size)
    index = {label: i for i, label in enumerate(labels)}
    truth = np.array([index[example.label] for example in train])
    own, foreign, temperature = answer(
        teacher, read=read, truth=truth, kinds=[example.source for example in train]
    )
    lessons = teach(
        train,
        labels=labels,
        smoothing=recipe.label_smoothing,
        answers=own,
        share=recipe.teacher_share,
    )
    order = np.random.default_rng(recipe.seed).permutation(len(windows))
    num_held = round(recipe.validation_share * len(windows))
    repeated = [Lesson(x.text, y, x.source) for x, y in zip(windows, foreign, strict=True)]
    return Course(
        lessons=lessons + [repeated[i] for i in sorted(order[num_held:])],
        held=[repeated[i] for i in sorted(order[:num_held])],
        num_unlabelled=len(windows),
        temperature=temperature,
        agreement=float((own.argmax(axis=1) == truth).mean()),
    )


def read_windows(
    recipe: Recipe, *, train: Sequence[Example], others: Sequence[Example], tokenizer: Any
) -> list[Window]:
    """Returns what the teacher labels: each text once, and none of the given ones.

    They are the windows of the unlabelled texts, and those of long training texts except the
    first, which is all that the network would see of them.

    Raises:
        DataError: a file cannot be used.
    """

    def split(text: str, source: str) -> list[Window]:
        parts = split_windows(text, measure=measure, max_length=recipe.max_length)
        return [Window(part, source) for part in parts]

    def measure(part: str) -> int:
        return len(tokenizer(part)["input_ids"])

    windows = [window for x in train for window in split(x.text, x.source)[1:]]
    for path in recipe.unlabelled:
        for text in read_texts(path, text_column=recipe.text_column):
            windows += split(text, str(path))
    known = {fold_text(example.text) for example in [*train, *others]}
    distinct: dict[str, Window] = {}
    for window in windows:
        distinct.setdefault(fold_text(window.text), window)
    return [window for text, window in distinct.items() if text not in known]


def answer(
    teacher: Teacher, *, read: NDArray[Any], truth: NDArray[Any], kinds: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Returns the answers to the training texts and to the unlabelled ones, and the temperature.

    Args:
        teacher: what read the texts.
        read: (num_texts, num_labels or hidden_size), the training texts first.
        truth: (num_training_texts,) int.
        kinds: of each training text; see `head.fit_head`.
    """
    if teacher.has_labels:
        return read[: len(truth)], read[len(truth) :], 1.0
    head, own = fit_head(read[: len(truth)], truth=truth, kinds=kinds)
    foreign = read[len(truth) :]
    return own, head.answer(foreign) if len(foreign) else own[:0], head.temperature


def _read_all(
    teacher: Teacher, *, texts: Sequence[str], cache: Cache, check: Callable[[], None]
) -> NDArray[np.float32]:
    with show_progress(len(texts), name="teacher", unit="text", beside_results=True) as advance:

        def step(num_texts: int) -> None:
            advance(num_texts)
            check()

        return cache.compute(texts, compute=teacher.read, advance=step)
