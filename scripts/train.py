#!/usr/bin/env python3
"""Trains a text classifier on labelled texts: an adapter on the default base, or any encoder.

The order of things lives here, its parts in `training/`: `recipe.py` has the options, `splits.py`
splits what `examples.py` reads, `network.py` loads and writes what `trainer.py` trains,
`calibration.py` mends its confidence, `report.py` says what came of it, `folder.py` knows what is
on disk, and `card.py` whose README.md that is. `prepare_model.py` makes a served checkpoint of it.
"""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from base_model import BaseModelError
from data_file import identify
from emotion_client.command.interruption import Interruption, hold_signals
from emotion_client.command.output import take_any_character
from evaluation.figures import draw_curves
from examples import DataError, Example, join_verses, read_examples
from printing import put
from training.calibration import fit_temperature, fold_temperature
from training.card import CARD, build_card
from training.folder import RESULT_FILE, TrainingFolder, write_json
from training.recipe import Recipe, parse_args, resolve
from training.report import (
    Member,
    Outcome,
    build_document,
    count,
    describe_data,
    describe_member,
    describe_shared,
    print_outcome,
)
from training.splits import Splits, split_examples
from training.weights import average_weights, read_weights, write_weights

if TYPE_CHECKING:
    from training.network import Blueprint
    from training.trainer import Training

# Imported late; what is missing is to be missed before the training, not after it.
PACKAGES = ("accelerate", "matplotlib", "peft", "scipy", "sklearn", "torch", "transformers")


def main(argv: list[str] | None = None) -> int:
    """Runs the command and returns its exit code: 0 done or stopped, 2 bad input or set-up."""
    args = parse_args(argv)
    take_any_character()
    interruption = Interruption()
    interruption.install()
    try:
        recipe = resolve(args)
    except (OSError, RuntimeError) as error:  # a name too long, a link that leads to itself
        return refuse(str(error))
    folder = TrainingFolder(recipe.output)
    try:
        run(recipe, folder=folder, is_resumed=args.resume, interruption=interruption)
    except KeyboardInterrupt:
        interruption.ignore()  # one more is no news
        put(describe_stop(folder), stream=sys.stderr)
    except (DataError, BaseModelError, OSError) as error:
        return refuse(str(error))
    except ModuleNotFoundError as error:
        return refuse(f"{error.name} is missing; run: pip install '.[train]'")
    return 0


def refuse(sentence: str) -> int:
    """Says why there is no training; returns the exit code."""
    put(f"train: {sentence}", stream=sys.stderr)
    return 2


def run(
    recipe: Recipe, *, folder: TrainingFolder, is_resumed: bool, interruption: Interruption
) -> None:
    """Checks everything, then trains, calibrates, measures and writes."""
    folder.check_output(base=recipe.base)
    files, splits = read_data(recipe)
    asked = {"arguments": recipe.describe(), "data": files}
    folder.check_run(asked, is_resumed=is_resumed)
    verses = join_verses(splits.train, share=recipe.verses, seed=recipe.seed)
    for line in describe_data(splits, num_joined=len(verses)):
        put(line)
    blueprint, network = build_network(recipe, labels=splits.labels)
    with folder.open(asked):
        members = []
        for training in train(
            network,
            blueprint=blueprint,
            recipe=recipe,
            splits=splits,
            verses=verses,
            folder=folder,
        ):
            training.run(interruption)
            members.append(judge_member(training, splits=splits))
            if recipe.members > 1:
                put(describe_member(members[-1]))
        write_weights(network, weights=average_weights([member.weights for member in members]))
        outcome = calibrate_and_measure(training, splits=splits)
        print_outcome(outcome, num_fitted=len(splits.validation))
        document = build_document(
            recipe,
            files=files,
            splits=splits,
            num_joined=len(verses),
            outcome=outcome,
            members=members,
        )
        write(network, blueprint=blueprint, recipe=recipe, document=document, folder=folder)


def read_data(recipe: Recipe) -> tuple[list[dict[str, Any]], Splits]:
    """Reads and splits the data; returns what tells each file from others, and the splits.

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
    from prepare_model import silence_transformers
    from training.network import check_base, load_network
    from transformers import set_seed

    silence_transformers()
    blueprint = check_base(recipe, labels=labels)
    set_seed(recipe.seed)  # head and LoRA begin at random
    return blueprint, load_network(blueprint, recipe=recipe)


def train(
    network: Any,
    *,
    blueprint: Blueprint,
    recipe: Recipe,
    splits: Splits,
    verses: list[Example],
    folder: TrainingFolder,
) -> Iterator[Training]:
    """Yields the training of each member, as far as it has come, all from the same start."""
    from training.trainer import Training

    start = read_weights(network)
    for member in range(1, recipe.members + 1):
        write_weights(network, weights=start)
        yield Training(
            network,
            recipe=recipe,
            blueprint=blueprint,
            train=splits.train + verses,
            validation=splits.validation,
            folder=folder,
            member=member,
        )


def judge_member(training: Training, *, splits: Splits) -> Member:
    """Returns the trained weights and what they are worth by themselves, calibrated."""
    weights = read_weights(training.network)
    return Member(
        seed=training.seed,
        best_epoch=training.best_epoch,
        history=training.history,
        weights=weights,
        outcome=calibrate_and_measure(training, splits=splits),
    )


def calibrate_and_measure(training: Training, *, splits: Splits) -> Outcome:
    """Fits the temperature on validation, folds it in, and measures on test if there is one."""
    logits, truth = training.predict(splits.validation)
    temperature = fit_temperature(logits, truth=truth)
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
    """Writes weights, training.json, training.png and a card, and moves them to the output."""
    from training.network import write_network

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
        put(f"serve it: {describe_next(recipe)}")


def describe_next(recipe: Recipe) -> str:
    """Returns the command that makes a served checkpoint of the output."""
    return f"python scripts/prepare_model.py --model {shlex.quote(str(recipe.output))}"


def describe_stop(folder: TrainingFolder) -> str:
    """Returns what an interruption left."""
    num_epochs = folder.count_epochs()
    if num_epochs == 0:
        return "stopped; nothing was written"
    return f"stopped after {count(num_epochs, 'epoch')}; add --resume to go on"


if __name__ == "__main__":
    sys.exit(main())
