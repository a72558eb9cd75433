"""What a training reports: on the terminal, and in training.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emotion_command.output import put

from emotion_training.data import list_labels
from emotion_training.evaluation.result import summarize
from emotion_training.training.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE
from emotion_training.training.recipe import Recipe
from emotion_training.training.splits import Splits
from emotion_training.wording import count

if TYPE_CHECKING:
    from emotion_training.training.distillation import Course
    from emotion_training.training.trainer import Measurement


@dataclass(frozen=True)
class Outcome:
    """How good a calibrated network is.

    Attributes:
        temperature: the logits are divided by it.
        measured_on: "test" or "validation".
        measurement: of the network on it.
    """

    temperature: float
    measured_on: str
    measurement: Measurement


@dataclass(frozen=True, eq=False)
class Member:
    """One of the trainings whose weights are averaged.

    Attributes:
        seed: of the order of its data.
        best_epoch: the epoch, from 1, with the weights that are taken.
        history: Trainer's logs of each epoch.
        weights: every trained weight, by name.
        outcome: its own, before weights are averaged.
    """

    seed: int
    best_epoch: int
    history: list[dict[str, float]]
    weights: dict[str, Any]
    outcome: Outcome

    def describe(self) -> dict[str, Any]:
        """Returns its entry in training.json."""
        scores = self.outcome.measurement.scores
        return {
            "seed": self.seed,
            "best_epoch": self.best_epoch,
            "temperature": self.outcome.temperature,
            "macro_f1": scores.macro_f1,
            "calibration_error": scores.calibration_error,
            "history": self.history,
        }


def describe_data(splits: Splits, *, num_joined: int) -> Iterator[str]:
    """Yields a line on the splits, and one on each of their peculiarities.

    Args:
        splits: the data.
        num_joined: verses that were joined from training texts and added to them.
    """
    counts = [f"{sum(x.values())} {name}" for name, x in splits.num_rows().items()]
    yield f"texts: {', '.join(counts)}; labels: {list_labels(splits.labels)}"
    for shared in describe_shared(splits):
        yield f"dropped {shared}"
    if splits.num_conflicts:
        verb = "has" if splits.num_conflicts == 1 else "have"
        yield f"{count(splits.num_conflicts, 'text')} {verb} more than one label"
    if num_joined:
        yield f"added {count(num_joined, 'joined verse')}"


def describe_course(course: Course) -> str:
    """Returns a line on what the teacher made."""
    return (
        f"the teacher gives {course.agreement:.1%} of the training texts their label, and labelled"
        f" {count(course.num_unlabelled, 'text')} at temperature {course.temperature:.3f}"
    )


def describe_shared(splits: Splits) -> Iterator[str]:
    """Yields how many texts one split lost because another has them, and where the first is."""
    for (loser, keeper), dropped in splits.dropped.items():
        if dropped:
            place = "first: " * (len(dropped) > 1) + dropped[0].where
            yield f"{count(len(dropped), f'{loser} text')} also in {keeper} ({place})"


def describe_member(member: Member) -> str:
    """Returns a line on one of several members."""
    scores, measured_on = member.outcome.measurement.scores, member.outcome.measured_on
    return (
        f"member with seed {member.seed}: epoch {member.best_epoch}; on {measured_on} macro F1"
        f" {scores.macro_f1:.4f}, calibration error {scores.calibration_error:.4f}"
    )


def print_outcome(outcome: Outcome, *, num_fitted: int) -> None:
    """Prints the temperature, then metrics, report and calibration error as evaluate.py does."""
    fitted = f"{outcome.temperature:.3f}, fitted on {count(num_fitted, 'validation text')}"
    put(f"temperature {fitted}; measured on {outcome.measured_on}:")
    if outcome.measured_on == "validation":
        put("(it also chose epoch and temperature, so expect less on other texts; give --test)")
    if not MIN_TEMPERATURE * 1.01 < outcome.temperature < MAX_TEMPERATURE * 0.99:
        put("(too few texts to fit a temperature: the confidence means little; give more)")
    measurement = outcome.measurement
    put(summarize(measurement.metrics, scores=measurement.scores))


def build_document(
    recipe: Recipe,
    *,
    files: Sequence[dict[str, Any]],
    splits: Splits,
    num_joined: int,
    course: Course | None,
    outcome: Outcome,
    members: Sequence[Member],
) -> dict[str, Any]:
    """Returns the content of training.json; it names no folder of this machine."""
    import peft
    import torch
    import transformers

    scores = outcome.measurement.scores
    return {
        "arguments": {**recipe.describe(), "base": recipe.base_name},
        "data": list(files),
        "labels": splits.labels,
        "rows": splits.num_rows(),
        "dropped": {f"{x}_in_{y}": len(texts) for (x, y), texts in splits.dropped.items()},
        "conflicts": splits.num_conflicts,
        "joined_verses": num_joined,
        "teacher": course and course.describe(),
        "versions": {x.__name__: x.__version__ for x in (torch, transformers, peft)},
        "seed": recipe.seed,
        "members": [member.describe() for member in members],
        "temperature": outcome.temperature,
        "measured_on": outcome.measured_on,
        "metrics": outcome.measurement.metrics,
        "accuracy": scores.accuracy,
        "calibration_error": scores.calibration_error,
    }
