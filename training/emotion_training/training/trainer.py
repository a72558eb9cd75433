"""The training loop: transformers' Trainer with this project's schedule, early stop and progress.

`network.py` makes what is trained; `folder.py` knows where its state is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from emotion_command.output import put
from emotion_command.progress import show_progress
from emotion_command.signals import Interruption
from emotion_engine.dtype import choose_dtype
from numpy.typing import NDArray
from tqdm import tqdm  # type: ignore[import-untyped]
from transformers import (
    DataCollatorWithPadding,
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from emotion_training.data import Example
from emotion_training.errors import DataError
from emotion_training.evaluation.scores import Scores, score
from emotion_training.training.folder import STATE_FILE, TrainingFolder, read_state, write_json
from emotion_training.training.lessons import Lesson
from emotion_training.training.network import Blueprint
from emotion_training.training.recipe import Recipe
from emotion_training.wording import first_line

EVAL_BATCH_SIZE = 64


@dataclass(frozen=True)
class Measurement:
    """How good a network is on some texts.

    Attributes:
        scores: every metric.
        metrics: Trainer's, by its names; times in seconds.
    """

    scores: Scores
    metrics: dict[str, float]


class Progress(TrainerCallback):  # type: ignore[misc]
    """A bar for the training and for a long prediction, and a line for each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.interruption: Interruption | None = None
        self._bars = ExitStack()
        self._advance: Callable[[int], None] | None = None
        self._is_training = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Opens the bar, at the step that the training is resumed from."""
        self._is_training = True
        self._move(state.global_step, total=state.max_steps, name="train")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Moves the bar, and stops after an interruption that Python discarded."""
        self._move(1, total=state.max_steps, name="train")
        if self.interruption is not None:
            self.interruption.check()

    def on_prediction_step(
        self, args: Any, state: Any, control: Any, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Moves a bar for the prediction, unless there is one for the training."""
        if not self._is_training:
            self._move(1, total=len(eval_dataloader), name="measure")

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any
    ) -> None:
        """Prints a line for the epoch, and drops the other logs."""
        if "eval_macro_f1" in logs:
            loss, f1 = logs["eval_loss"], logs["eval_macro_f1"]
            with tqdm.external_write_mode():
                put(f"epoch {state.epoch:.0f}: validation loss {loss:.4f}, macro F1 {f1:.4f}")

    def on_predict(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Closes the bar of the prediction."""
        self.close()

    def close(self) -> None:
        """Closes the bar; also after an interruption."""
        self._bars.close()
        self._advance, self._is_training = None, False

    def _move(self, num_steps: int, *, total: int, name: str) -> None:
        if self._advance is None:
            bar = show_progress(total, name=name, unit="step", beside_results=True)
            self._advance = self._bars.enter_context(bar)
        self._advance(num_steps)


class Training:
    """A network with its data and schedule, ready to be trained, measured and resumed."""

    def __init__(
        self,
        network: Any,
        *,
        recipe: Recipe,
        blueprint: Blueprint,
        train: Sequence[Example] | Sequence[Lesson],
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
            folder: where each epoch's state is kept; training continues from the last one there.
            member: which of the recipe's members, counted from 1; each has its own seed.
        """
        self._labels = blueprint.config.label2id
        self._tokenizer = blueprint.tokenizer
        self._checkpoint = folder.last_checkpoint(member)
        self.seed = recipe.seed + member - 1
        self._progress = Progress()
        encoded = self.encode(train)
        num_epochs = count_epochs(self._checkpoint, recipe=recipe)
        self._trainer = Trainer(
            model=network,
            args=training_arguments(
                recipe, folder=folder.states(member), num_epochs=num_epochs, seed=self.seed
            ),
            train_dataset=encoded,
            eval_dataset=self.encode(validation),
            data_collator=DataCollatorWithPadding(self._tokenizer),
            compute_loss_func=WeightedLoss(recipe, truth=[row["labels"] for row in encoded]),
            compute_metrics=self._judge,
            preprocess_logits_for_metrics=take_logits,
            callbacks=[EarlyStoppingCallback(recipe.patience), self._progress],
        )
        self._trainer.remove_callback(PrinterCallback)

    @property
    def network(self) -> Any:
        """What is trained."""
        return self._trainer.model

    @property
    def history(self) -> list[dict[str, float]]:
        """The logs of each epoch."""
        return list(self._trainer.state.log_history)

    @property
    def best_epoch(self) -> int:
        """The epoch, from 1, with the best macro F1 on validation; the first of equal ones."""
        best_step = self._trainer.state.best_global_step
        return round(next(x["epoch"] for x in self.history if x["step"] == best_step))

    def run(self, interruption: Interruption | None = None) -> None:
        """Trains to the end and takes the weights of the best epoch.

        Args:
            interruption: raises after a step what Ctrl-C left behind.

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
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise DataError(f"the base cannot be trained: {first_line(error)}") from error
        finally:
            self._progress.close()

    def predict(
        self, examples: Sequence[Example] | Sequence[Lesson]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Returns logits (num_texts, num_labels) float32, and truth (num_texts,) or the targets.

        Both are in the order of batches of similar length.
        """
        prediction = self._trainer.predict(self.encode(examples))
        return prediction.predictions, prediction.label_ids

    def measure(self, examples: Sequence[Example]) -> Measurement:
        """Returns how good the network is now on `examples`."""
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

    def encode(self, examples: Sequence[Example] | Sequence[Lesson]) -> list[dict[str, Any]]:
        """Returns the token ids of each text, truncated, with its label's index or its target."""
        return [
            {
                **self._tokenizer(x.text, truncation=True),
                "labels": x.target.tolist() if isinstance(x, Lesson) else self._labels[x.label],
            }
            for x in examples
        ]

    def _judge(self, prediction: Any) -> dict[str, float]:
        if prediction.label_ids.ndim > 1:  # targets, which have no scores
            return {}
        scores = self._score(prediction)
        # Replaces the loss that is trained with, which may be smoothed and weighted.
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
        return score(probabilities, truth=prediction.label_ids, labels=list(self._labels))


def take_logits(outputs: Any, labels: torch.Tensor) -> torch.Tensor:
    """Returns the logits of what Trainer collects; some models give hidden states with them."""
    logits: torch.Tensor = outputs[0] if isinstance(outputs, tuple | list) else outputs
    return logits


class WeightedLoss:
    """Cross entropy with the recipe's label smoothing and class weights."""

    def __init__(self, recipe: Recipe, *, truth: Sequence[int] | Sequence[NDArray[Any]]) -> None:
        """Weights each label by its inverse frequency in `truth` if the recipe says so.

        Args:
            recipe: how to train.
            truth: the index of each text's label, or its target (num_labels,).
        """
        is_soft = np.ndim(truth) == 2
        self._smoothing = 0.0 if is_soft else recipe.label_smoothing  # lessons have it already
        self._weights: torch.Tensor | None = None
        if recipe.class_weights == "balanced":
            counts = np.sum(truth, axis=0) if is_soft else np.bincount(truth)  # each above 0
            weights = len(truth) / (len(counts) * counts)
            self._weights = torch.tensor(weights, dtype=torch.float32)

    def __call__(
        self, outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Returns the mean over the batch.

        Shapes: logits (rows, num_labels); labels (rows,), or targets (rows, num_labels).
        """
        logits = outputs["logits"]
        weights = None if self._weights is None else self._weights.to(logits)
        return torch.nn.functional.cross_entropy(
            logits, labels, weight=weights, label_smoothing=self._smoothing
        )


def training_arguments(
    recipe: Recipe, *, folder: Path, num_epochs: int, seed: int
) -> TrainingArguments:
    """Returns Trainer's arguments; `folder` is for its own files."""
    has_gpu = torch.cuda.is_available()
    dtype = choose_dtype(recipe.dtype, device="cuda" if has_gpu else "cpu")
    return TrainingArguments(
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
        save_total_limit=2,  # the best and the last; with 1 the last would be removed too early
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        greater_is_better=True,
        restore_callback_states_from_checkpoint=True,  # else patience starts again
        logging_strategy="epoch",
        report_to="none",
        disable_tqdm=True,  # Progress is used instead
        label_names=["labels"],  # peft hides them
        dataloader_pin_memory=False,  # warns without a GPU
        bf16=dtype == "bfloat16",
        use_cpu=not has_gpu,  # bf16 is refused without a GPU unless this says so
        seed=seed,
    )


def count_epochs(checkpoint: Path | None, *, recipe: Recipe) -> int:
    """Returns how many epochs to train: those done, if the checkpoint is from an early stop.

    Trainer saves the counter of early stopping, but not that its limit was reached.
    """
    if checkpoint is None:
        return recipe.epochs
    state = read_state(checkpoint)
    stopper = state["stateful_callbacks"]["EarlyStoppingCallback"]["attributes"]
    has_stopped = stopper["early_stopping_patience_counter"] >= recipe.patience
    return round(state["epoch"]) if has_stopped else recipe.epochs


def point_to_best(checkpoint: Path) -> None:
    """Corrects the path of the best checkpoint in the state, in case the folder was moved."""
    state = read_state(checkpoint)
    best = checkpoint.parent / f"checkpoint-{state['best_global_step']}"
    write_json(checkpoint / STATE_FILE, {**state, "best_model_checkpoint": str(best)})
