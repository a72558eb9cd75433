"""Trains a classifier: checks everything first, then trains, calibrates, measures and writes."""

from __future__ import annotations

import importlib
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from emotion_command.output import put
from emotion_command.signals import Interruption, hold_signals

from emotion_training.data import Example, identify, join_verses, read_examples, read_texts
from emotion_training.errors import DataError
from emotion_training.evaluation.plots import draw_curves
from emotion_training.training.cache import Cache
from emotion_training.training.calibration import fit_temperature, fold_temperature
from emotion_training.training.folder import (
    CARD,
    RESULT_FILE,
    TrainingFolder,
    build_card,
    write_json,
)
from emotion_training.training.mixture import mix
from emotion_training.training.recipe import Recipe
from emotion_training.training.report import (
    Member,
    Outcome,
    build_document,
    describe_course,
    describe_data,
    describe_member,
    describe_shared,
    print_outcome,
)
from emotion_training.training.splits import Splits, split_examples
from emotion_training.training.weights import (
    average_weights,
    blend_weights,
    read_weights,
    write_weights,
)
from emotion_training.wording import count

if TYPE_CHECKING:
    from emotion_training.training.distillation import Course
    from emotion_training.training.lessons import Lesson
    from emotion_training.training.network import Blueprint
    from emotion_training.training.trainer import Training

# Imported where they are used; if one is missing, fail before the training and not after it.
PACKAGES = ("accelerate", "matplotlib", "peft", "scipy", "sklearn", "torch", "transformers")


def train(recipe: Recipe, *, is_resumed: bool, interruption: Interruption) -> None:
    """Trains and writes what the recipe asks for.

    Args:
        recipe: what to train.
        is_resumed: whether to continue with an unfinished training.
        interruption: raises after a step what Ctrl-C left behind.

    Raises:
        DataError: an option, the data or the base is wrong, or the output cannot be written.
        BaseModelError: the default base is missing or altered.
        ModuleNotFoundError: a package is missing.
    """
    folder = TrainingFolder(recipe.output)
    folder.check_output(base=recipe.base)
    files, splits = read_data(recipe)
    asked = {"arguments": recipe.describe(), "data": files}
    folder.check_run(asked, is_resumed=is_resumed)
    verses = join_verses(splits.train, share=recipe.verses, seed=recipe.seed)
    for line in describe_data(splits, num_joined=len(verses)):
        put(line)
    blueprint, network = build_network(recipe, labels=splits.labels)
    # Before the folder is made: Python 3.11 turns a Ctrl-C in some imports into a RuntimeError.
    from emotion_training.training.trainer import Training

    start, members = read_weights(network), []
    course = ask_teacher(
        splits.train + verses,
        splits=splits,
        recipe=recipe,
        blueprint=blueprint,
        folder=folder,
        interruption=interruption,
    )
    lessons: Sequence[Any] = course.lessons if course else splits.train + verses
    held = course.held if course else []
    with folder.open(asked):
        for number in range(1, recipe.members + 1):
            write_weights(network, weights=start)
            training = Training(
                network,
                recipe=recipe,
                blueprint=blueprint,
                train=mix(lessons, most=recipe.most_per_file, seed=recipe.seed + number - 1),
                validation=splits.validation,
                folder=folder,
                member=number,
            )
            training.run(interruption)
            members.append(finish_member(training, splits=splits, held=held))
            if recipe.members > 1:
                put(describe_member(members[-1]))
        average = average_weights([member.weights for member in members])
        weights = blend_weights(average, start=start, share=recipe.start_share)
        write_weights(network, weights=weights)
        outcome = calibrate_and_measure(training, splits=splits, held=held)
        print_outcome(outcome, num_fitted=len(splits.validation))
        document = build_document(
            recipe,
            files=files,
            splits=splits,
            num_joined=len(verses),
            course=course,
            outcome=outcome,
            members=members,
        )
        write(network, blueprint=blueprint, recipe=recipe, document=document, folder=folder)


def read_data(recipe: Recipe) -> tuple[list[dict[str, Any]], Splits]:
    """Reads and splits the data; returns what identifies each file, and the splits.

    Raises:
        DataError: a file or a label is wrong, or --strict and two splits share texts.
    """
    files: list[dict[str, Any]] = []
    examples: dict[str, list[Example]] = {"train": [], "validation": [], "test": []}
    for split, path in recipe.files():
        found = read_examples(
            path, text_column=recipe.text_column, label_column=recipe.label_column
        )
        files.append({"split": split, **asdict(identify(path, num_rows=len(found)))})
        examples[split] += found
    for path in recipe.unlabelled:
        num_rows = len(read_texts(path, text_column=recipe.text_column))
        files.append({"split": "unlabelled", **asdict(identify(path, num_rows=num_rows))})
    splits = split_examples(**examples, share=recipe.validation_share, seed=recipe.seed)
    shared = list(describe_shared(splits))
    if recipe.strict and shared:
        raise DataError(f"--strict: found {shared[0]}; remove them, or leave out --strict")
    return files, splits


def build_network(recipe: Recipe, *, labels: tuple[str, ...]) -> tuple[Blueprint, Any]:
    """Checks the base, then loads it.

    Raises:
        DataError: the base cannot be trained.
        BaseModelError: the default base is missing or altered.
    """
    for package in PACKAGES:
        importlib.import_module(package)
    from transformers import set_seed

    from emotion_training.training.network import check_base, load_network

    blueprint = check_base(recipe, labels=labels)
    set_seed(recipe.seed)  # head and LoRA begin at random
    return blueprint, load_network(blueprint, recipe=recipe)


def ask_teacher(
    train: list[Example],
    *,
    splits: Splits,
    recipe: Recipe,
    blueprint: Blueprint,
    folder: TrainingFolder,
    interruption: Interruption,
) -> Course | None:
    """Returns what the teacher makes of all texts; None without a teacher.

    Raises:
        DataError: the teacher or a file of unlabelled texts cannot be used.
    """
    if recipe.teacher is None:
        return None
    from emotion_training.training.distillation import make_course

    course = make_course(
        train,
        others=splits.validation + splits.test,
        labels=splits.labels,
        recipe=recipe,
        tokenizer=blueprint.tokenizer,
        cache=lambda key: Cache(folder.teacher, key),
        interruption=interruption,
    )
    put(describe_course(course))
    return course


def finish_member(training: Training, *, splits: Splits, held: list[Lesson]) -> Member:
    """Returns the trained weights, and how good they are on their own, calibrated."""
    weights = read_weights(training.network)
    return Member(
        seed=training.seed,
        best_epoch=training.best_epoch,
        history=training.history,
        weights=weights,
        outcome=calibrate_and_measure(training, splits=splits, held=held),
    )


def calibrate_and_measure(training: Training, *, splits: Splits, held: list[Lesson]) -> Outcome:
    """Fits the temperature, folds it in, and measures on test if there is one.

    It is fitted on validation, each file of it weighing the same, and on what the teacher labelled
    and nothing was learned from, which weighs as much as a file: its answers stand for labels, so
    that the confidence keeps to them on texts of other kinds.

    Args:
        training: holds the network.
        splits: the data.
        held: see `distillation.Course`.
    """
    files: dict[str, list[Example]] = {}
    for example in splits.validation:
        files.setdefault(example.source, []).append(example)
    groups: list[Sequence[Any]] = [*files.values(), held]
    parts = [training.predict(group) for group in groups if group]
    num_labels = len(splits.labels)
    temperature = fit_temperature(
        np.concatenate([logits for logits, _ in parts]),
        truth=np.concatenate(
            [truth if truth.ndim == 2 else np.eye(num_labels)[truth] for _, truth in parts]
        ),
        weights=np.concatenate([np.full(len(logits), 1 / len(logits)) for logits, _ in parts]),
    )
    fold_temperature(training.network, temperature=temperature)
    measured_on, examples = (
        ("test", splits.test) if splits.test else ("validation", splits.validation)
    )
    return Outcome(temperature, measured_on, training.measure(examples))


def write(
    network: Any,
    *,
    blueprint: Blueprint,
    recipe: Recipe,
    document: dict[str, Any],
    folder: TrainingFolder,
) -> None:
    """Writes weights, training.json, training.png and README.md, and moves them to the output."""
    from emotion_training.training.network import write_network

    result = folder.make_result()
    write_network(network, blueprint=blueprint, recipe=recipe, folder=result)
    write_json(result / RESULT_FILE, document)
    draw_curves([x["history"] for x in document["members"]], path=result / "training.png")
    card = build_card(
        kind="Fine-tune" if recipe.full else "Adapter",
        base=recipe.base_name,
        labels=list(blueprint.config.label2id),
    )
    (result / CARD).write_text(card, encoding="utf-8")
    with hold_signals():
        is_card_kept = folder.publish()
        put(f"wrote {recipe.output}" + f"; the {CARD} that was there is kept" * is_card_kept)
        model = shlex.quote(str(recipe.output))
        put(f"serve it: python scripts/prepare_model.py --model {model}")


def describe_stop(output: Path) -> str:
    """Returns a sentence on what an interrupted training left."""
    num_epochs = TrainingFolder(output.resolve()).count_epochs()
    if num_epochs == 0:
        return "stopped; nothing was written"
    return f"stopped after {count(num_epochs, 'epoch')}; add --resume to continue"
