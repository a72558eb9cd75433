"""The training loop: transformers' Trainer with the schedule, early stop and progress used here.

What is trained is made in `network.py`; where its state is kept is known to `folder.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from emotion_client.command.interruption import Interruption
from evaluation.scores import Scores, score
from examples import DataError, Example
from numpy.typing import NDArray
from printing import mute_when_closed, put
from tqdm.auto import tqdm  # type: ignore[import-untyped]
from transformers.trainer_callback import PrinterCallback, ProgressCallback

from training.folder import STATE_FILE, TrainingFolder, read_state, write_json
from training.network import Blueprint
from training.recipe import Recipe

EVAL_BATCH_SIZE = 64
DELAY_S = 2.0  # of the progress bar of a prediction; the training has one from the start


@dataclass(frozen=True)
class Measurement:
    """What a network is worth on some texts.

    Attributes:
        scores: every figure.
        metrics: Trainer's, under its names; times in seconds.
    """

    scores: Scores
    metrics: dict[str, float]


class Progress(ProgressCallback):  # type: ignore[misc]
    """One bar for the training, from where it is resumed, and a line for each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.training_bar: Any = None
        self.prediction_bar: Any = None
        self.interruption: Interruption | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Opens the bar."""
        self.current_step = state.global_step
        self.training_bar = open_bar(total=state.max_steps, initial=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Moves the bar on, and stops where an interruption got lost."""
        with mute_when_closed(sys.stderr):
            super().on_step_end(args, state, control, **kwargs)
        if self.interruption is not None:
            self.interruption.check()

    def on_prediction_step(
        self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Shows a bar for long predictions when none is there for the training."""
        if self.training_bar is None:
            if self.prediction_bar is None:
                total = len(eval_dataloader)
                self.prediction_bar = tqdm(total=total, desc="measure", unit="step", delay=DELAY_S)
            with mute_when_closed(sys.stderr):
                self.prediction_bar.update()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        """Says how the epoch went, and drops the rest."""
        if "eval_macro_f1" in logs:
            loss, f1 = logs["eval_loss"], logs["eval_macro_f1"]
            with mute_when_closed(sys.stderr), tqdm.external_write_mode():
                put(f"epoch {state.epoch:.0f}: validation loss {loss:.4f}, macro F1 {f1:.4f}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Takes the training's bar off."""
        with mute_when_closed(sys.stderr):
            super().on_train_end(args, state, control, **kwargs)

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Takes a prediction's bar off."""
        with mute_when_closed(sys.stderr):
            super().on_evaluate(args, state, control, **kwargs)

    def on_predict(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Takes a prediction's bar off."""
        with mute_when_closed(sys.stderr):
            super().on_predict(args, state, control, **kwargs)

    def close(self) -> None:
        """Takes the bars off after an interruption."""
        for bar in (self.training_bar, self.prediction_bar):
            if bar is not None:
                with mute_when_closed(sys.stderr):
                    bar.close()


def open_bar(*, total: int, initial: int) -> Any:
    """Returns a bar for steps on standard error, whether or not it is read."""
    options = {"total": total, "initial": initial, "dynamic_ncols": True, "unit": "step"}
    with mute_when_closed(sys.stderr):
        return tqdm(**options)
    return tqdm(**options)  # that nobody sees


class Training:
    """A network with its data and schedule, ready to be trained, measured and resumed."""

    def __init__(
        self,
        network: Any,
        *,
        recipe: Recipe,
        blueprint: Blueprint,
        train: Sequence[Example],
        validation: Sequence[Example],
        folder: TrainingFolder,
        member: int = 1,
    ) -> None:
        """Sets everything up.

        Args:
            network: see `network.load_network`.
            recipe: how to train.
            blueprint: of the network.
            train: what to learn from.
            validation: what to judge each epoch by.
            folder: where each epoch's state is kept; the last one there is gone on from.
            member: which of the recipe's members, counted from 1; each has a seed of its own.
        """
        self._labels = blueprint.config.label2id
        self._tokenizer = blueprint.tokenizer
        self._checkpoint = folder.last_checkpoint(member)
        self.seed = recipe.seed + member - 1
        self._progress = Progress()
        encoded = self.encode(train)
        num_epochs = count_epochs(self._checkpoint, recipe=recipe)
        self._trainer = transformers.Trainer(
            model=network,
            args=training_arguments(
                recipe, folder=folder.states(member), num_epochs=num_epochs, seed=self.seed
            ),
            train_dataset=encoded,
            eval_dataset=self.encode(validation),
            data_collator=transformers.DataCollatorWithPadding(self._tokenizer),
            compute_loss_func=WeightedLoss(recipe, truth=[row["labels"] for row in encoded]),
            compute_metrics=self._judge,
            callbacks=[transformers.EarlyStoppingCallback(recipe.patience), self._progress],
        )
        self._trainer.remove_callback(PrinterCallback)

    @property
    def network(self) -> Any:
        """What is trained."""
        return self._trainer.model

    @property
    def labels(self) -> list[str]:
        """The label names in the order of the logits."""
        return list(self._labels)

    @property
    def history(self) -> list[dict[str, float]]:
        """What was logged in each epoch."""
        return list(self._trainer.state.log_history)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, whose macro F1 on validation is the best; the first of equal ones."""
        best_step = self._trainer.state.best_global_step
        return round(next(x["epoch"] for x in self.history if x["step"] == best_step))

    def run(self, interruption: Interruption | None = None) -> None:
        """Trains to the end and takes the weights of the best epoch.

        Args:
            interruption: asked after each step whether one got lost.

        Raises:
            DataError: the training diverged, or the device has too little memory for it.
        """
        self._progress.interruption = interruption
        if self._checkpoint:
            point_to_best(self._checkpoint)
        try:
            self._trainer.train(resume_from_checkpoint=self._checkpoint and str(self._checkpoint))
        except torch.OutOfMemoryError as error:
            size = self._trainer.args.per_device_train_batch_size
            raise DataError(f"--batch-size {size}: the GPU's memory is full; halve it") from error
        finally:
            self._progress.close()

    def predict(self, examples: Sequence[Example]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns logits (num_texts, num_labels) float32 and truth (num_texts,).

        Both are in the order that batches of like length give.
        """
        prediction = self._trainer.predict(self.encode(examples))
        return prediction.predictions, prediction.label_ids

    def measure(self, examples: Sequence[Example]) -> Measurement:
        """Returns what the network is worth on `examples` as it is now."""
        prediction = self._trainer.predict(self.encode(examples), metric_key_prefix="eval")
        scores = self._score(prediction)
        speed = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
        return Measurement(
            scores=scores,
            metrics={
                "eval_loss": scores.loss,
                "eval_macro_f1": scores.macro_f1,
                "eval_weighted_f1": scores.weighted_f1,
                **{name: prediction.metrics[name] for name in speed},
                "epoch": self._trainer.state.epoch,
            },
        )

    def encode(self, examples: Sequence[Example]) -> list[dict[str, Any]]:
        """Returns the token ids of each text, cut at the most tokens, with its label's index."""
        return [
            {**self._tokenizer(x.text, truncation=True), "labels": self._labels[x.label]}
            for x in examples
        ]

    def _judge(self, prediction: Any) -> dict[str, float]:
        scores = self._score(prediction)
        # "loss" takes the place of the trained one, which may be smoothed and weighted.
        return {
            "loss": scores.loss,
            "macro_f1": scores.macro_f1,
            "weighted_f1": scores.weighted_f1,
        }

    def _score(self, prediction: Any) -> Scores:
        logits = torch.from_numpy(prediction.predictions).double()  # (num_texts, num_labels)
        if not logits.isfinite().all():
            raise DataError("the training diverged: a logit is not finite; lower --learning-rate")
        probabilities = logits.softmax(dim=1).numpy()
        return score(probabilities, truth=prediction.label_ids, labels=self.labels)


class WeightedLoss:
    """Cross entropy with the recipe's label smoothing and class weights."""

    def __init__(self, recipe: Recipe, *, truth: Sequence[int]) -> None:
        """Weighs each label by its inverse frequency in `truth` where the recipe says so."""
        self._smoothing = recipe.label_smoothing
        self._weights: torch.Tensor | None = None
        if recipe.class_weights == "balanced":
            counts = np.bincount(truth)  # (num_labels,), none is 0
            weights = len(truth) / (len(counts) * counts)
            self._weights = torch.tensor(weights, dtype=torch.float32)

    def __call__(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Returns the mean over the batch; logits (rows, num_labels), labels (rows,)."""
        logits = outputs["logits"]
        weights = None if self._weights is None else self._weights.to(logits)
        return torch.nn.functional.cross_entropy(
            logits, labels, weight=weights, label_smoothing=self._smoothing
        )


def training_arguments(
    recipe: Recipe, *, folder: Path, num_epochs: int, seed: int
) -> transformers.TrainingArguments:
    """Fixes the schedule; `folder` is for the Trainer's own files."""
    return transformers.TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=num_epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=EVAL_BATCH_SIZE,
        lr_scheduler_type="cosine",
        warmup_steps=0.06,  # below 1: a share of all steps
        weight_decay=0.01,
        train_sampling_strategy="group_by_length",
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,  # the best and the last; with 1 the last would go before the end
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,  # else patience starts anew
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=True,  # Progress is shown instead
        label_names=["labels"],  # peft hides them
        dataloader_pin_memory=False,  # warns where there is no GPU
        seed=seed,
    )


def count_epochs(checkpoint: Path | None, *, recipe: Recipe) -> int:
    """Returns how many epochs to train: those done, if the checkpoint is of an early stop.

    Trainer keeps the counter of early stopping but forgets that it was reached.
    """
    if checkpoint is None:
        return recipe.epochs
    state = read_state(checkpoint)
    stopper = state["stateful_callbacks"]["EarlyStoppingCallback"]["attributes"]
    has_stopped = stopper["early_stopping_patience_counter"] >= recipe.patience
    return round(state["epoch"]) if has_stopped else recipe.epochs


def point_to_best(checkpoint: Path) -> None:
    """Has the state name the best checkpoint where it is now, should the folder have moved."""
    state = read_state(checkpoint)
    best = checkpoint.parent / f"checkpoint-{state['best_global_step']}"
    write_json(checkpoint / STATE_FILE, {**state, "best_model_checkpoint": str(best)})
