"""The training loop, on a small random BERT."""

import dataclasses
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from emotion_command.signals import Interruption
from emotion_training.data import Example
from emotion_training.errors import DataError
from emotion_training.training import trainer
from emotion_training.training.folder import TrainingFolder
from emotion_training.training.network import check_base, load_network
from emotion_training.training.options import parse_args
from emotion_training.training.recipe import resolve
from emotion_training.training.trainer import Progress, Training, WeightedLoss
from safetensors.torch import load_file
from transformers import set_seed

from checkpoints import LABELS, VERSES

EXAMPLES = [
    Example(f"{label} {label} {verse}", label)
    for label in LABELS
    for verse in (" ".join(VERSES[i].split()[:6]) for i in range(4))
]


@pytest.fixture
def recipe(source_of, tmp_path):
    """Three steps an epoch."""
    options = ["--train", "mine.csv", "--output", str(tmp_path / "out")]
    options += ["--base", str(source_of("bert")), "--batch-size", "8", "--rank", "2"]
    return resolve(parse_args([*options, "--epochs", "3"]))


def build(recipe):
    blueprint = check_base(recipe, labels=LABELS)
    set_seed(recipe.seed)
    return Training(
        load_network(blueprint, recipe=recipe),
        recipe=recipe,
        blueprint=blueprint,
        train=EXAMPLES,
        validation=EXAMPLES[::3],
        folder=TrainingFolder(recipe.output),
    )


def test_run_learns_and_keeps_the_best_epoch(recipe):
    training = build(dataclasses.replace(recipe, full=True, learning_rate=3e-3, epochs=6))
    before = training.measure(EXAMPLES).scores.macro_f1
    training.run()
    f1 = {round(x["epoch"]): x["eval_macro_f1"] for x in training.history if "eval_macro_f1" in x}
    assert f1[training.best_epoch] == max(f1.values()) > before
    measured = training.measure(EXAMPLES[::3])
    assert measured.scores.macro_f1 == pytest.approx(f1[training.best_epoch])


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_dtype_is_what_linears_multiply_in_and_weights_stay_in_float32(dtype, recipe):
    training = build(dataclasses.replace(recipe, full=True, dtype=dtype, epochs=1))
    seen = set()
    layer = training.network.bert.encoder.layer[0].intermediate.dense
    layer.register_forward_hook(lambda _, __, output: seen.add(output.dtype))
    training.run()
    training.measure(EXAMPLES)
    assert seen == {getattr(torch, dtype)}
    assert {x.dtype for x in training.network.parameters()} == {torch.float32}


def test_run_takes_the_weights_of_the_best_epoch(recipe, monkeypatch):
    f1 = iter((0.2, 0.9, 0.1))
    monkeypatch.setattr(Training, "_judge", lambda *_: {"macro_f1": next(f1)})
    training = build(dataclasses.replace(recipe, full=True))
    training.run()
    unfinished = TrainingFolder(recipe.output).states(1)
    assert training.best_epoch == 2
    best, last = (
        load_file(unfinished / name / "model.safetensors")
        for name in ("checkpoint-6", "checkpoint-9")
    )
    weights = training.network.state_dict()
    assert all(torch.equal(weights[name], x) for name, x in best.items())
    assert not all(torch.equal(weights[name], x) for name, x in last.items())


def test_run_again_after_a_stop_has_the_patience_that_was_left(recipe, monkeypatch):
    recipe = dataclasses.replace(recipe, learning_rate=1e-7, patience=2, epochs=9)

    def stop_in_the_third_epoch(_, __, state, *___, **____):
        if state.global_step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_step_end", stop_in_the_third_epoch)
        with pytest.raises(KeyboardInterrupt):
            build(recipe).run()
    again = build(recipe)
    again.run()
    assert round(again.history[-1]["epoch"]) == 3


def test_run_stops_early_and_again_in_a_moved_folder_trains_no_further(recipe, tmp_path):
    recipe = dataclasses.replace(recipe, learning_rate=1e-7, patience=1, epochs=9)
    first = build(recipe)
    first.run()
    moved = dataclasses.replace(recipe, output=tmp_path / "moved")
    TrainingFolder(recipe.output).unfinished.rename(TrainingFolder(moved.output).unfinished)
    again = build(moved)  # as after a kill before the result was written
    again.run()
    assert again.best_epoch == first.best_epoch == 1
    assert [round(each.history[-1]["epoch"]) for each in (first, again)] == [2, 2]
    for one, other in zip(first.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_run_shows_one_bar_and_keeps_the_best_and_the_last_state_and_no_text(recipe, bars):
    build(recipe).run()
    assert bars == [["train", 9, 0, *[1] * 9, "closed"]]
    unfinished = TrainingFolder(recipe.output).states(1)
    assert 1 <= len(list(unfinished.iterdir())) <= 2
    for path in unfinished.rglob("*"):
        assert path.is_dir() or EXAMPLES[0].text.encode() not in path.read_bytes(), path


def test_run_stops_after_a_step_in_which_python_discarded_an_interruption(recipe):
    interruption, training = Interruption(), build(recipe)
    interruption.is_wanted = True
    with pytest.raises(KeyboardInterrupt):
        training.run(interruption)
    assert TrainingFolder(recipe.output).last_checkpoint(1) is None


def test_run_that_diverges_is_refused(recipe):
    training = build(recipe)
    with torch.no_grad():
        training.network.get_base_model().classifier.modules_to_save["default"].bias.fill_(np.nan)
    with pytest.raises(DataError, match="diverged: a logit is not finite; lower --learning-rate"):
        training.run()


def test_encode_truncates_at_max_length(recipe):
    training = build(dataclasses.replace(recipe, max_length=5))
    row = training.encode([Example("la " * 50, "joy")])[0]
    assert len(row["input_ids"]) == 5
    assert row["labels"] == LABELS.index("joy")


@pytest.mark.parametrize(("class_weights", "smoothing"), [("none", 0.0), ("balanced", 0.1)])
def test_weighted_loss_weighs_labels_by_inverse_frequency(recipe, class_weights, smoothing):
    changed = dataclasses.replace(recipe, class_weights=class_weights, label_smoothing=smoothing)
    loss = WeightedLoss(changed, truth=[0, 0, 0, 1])
    logits, labels = torch.tensor([[2.0, 0.0], [1.0, 0.5]]), torch.tensor([0, 1])
    weights = torch.tensor([4 / 6, 2.0]) if class_weights == "balanced" else None
    expected = torch.nn.functional.cross_entropy(
        logits, labels, weight=weights, label_smoothing=smoothing
    )
    assert loss({"logits": logits}, labels).item() == pytest.approx(expected.item())


def make_state(*, global_step, epoch=2.0):
    return SimpleNamespace(global_step=global_step, max_steps=9, epoch=epoch)


@pytest.fixture
def bars(monkeypatch):
    """The bars that are shown: name, total, and the steps done; "closed" at the end."""
    bars = []

    @contextmanager
    def show_progress(total, *, name, unit, beside_results):
        assert (unit, beside_results) == ("step", True)
        bars.append([name, total])
        yield bars[-1].append
        bars[-1].append("closed")

    monkeypatch.setattr(trainer, "show_progress", show_progress)
    return bars


def test_progress_resumed_begins_where_it_was(bars):
    progress, state = Progress(), make_state(global_step=6)
    progress.on_train_begin(None, state, None)
    progress.on_step_end(None, state, None)
    progress.on_prediction_step(None, state, None, eval_dataloader=[1, 2])
    progress.close()
    assert bars == [["train", 9, 6, 1, "closed"]]


def test_progress_each_prediction_after_the_training_has_a_bar(bars):
    progress, state = Progress(), make_state(global_step=9)
    for _ in range(2):
        for _ in range(2):
            progress.on_prediction_step(None, state, None, eval_dataloader=[1, 2])
        progress.on_predict(None, state, None)
    assert bars == [["measure", 2, 1, 1, "closed"]] * 2


def test_progress_prints_a_line_for_each_epoch(capsys):
    progress, state = Progress(), make_state(global_step=6)
    progress.on_log(None, state, None, logs={"eval_loss": 0.5, "eval_macro_f1": 0.75})
    progress.on_log(None, state, None, logs={"loss": 1.0})
    assert capsys.readouterr().out == "epoch 2: validation loss 0.5000, macro F1 0.7500\n"
