"""`scripts/train.py` as a user runs it: on a small random BERT and a few dozen texts."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import prepare_model
import pytest
import torch
import train
from emotion_engine.checkpoint import read_checkpoint
from safetensors.torch import load_file
from training import trainer, weights

from checkpoints import LABELS, VERSES, reference_probabilities

# peft 0.21 uses a name that transformers 5.23 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
METRICS = [
    "eval_loss",
    "eval_macro_f1",
    "eval_weighted_f1",
    "eval_runtime",
    "eval_samples_per_second",
    "eval_steps_per_second",
    "epoch",
]
ROWS = [
    (f"{label} {label} {' '.join(verse.split()[:6])}", label)
    for label in LABELS
    for verse in VERSES[:6]
]
STEPS_PER_EPOCH = 4  # of 30 texts, 8 a step; 6 are held out
ADAPTER = [
    "README.md",
    "adapter_config.json",
    "adapter_model.safetensors",
    "config.json",
    "tokenizer_config.json",
    "training.json",
    "training.png",
]
WHOLE = [
    "README.md",
    "config.json",
    "labels.txt",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "training.json",
    "training.png",
]

Run = Callable[..., int]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "data" / "mine.csv", rows=ROWS)


@pytest.fixture
def options(source_of: Callable[[str], Path], tmp_path: Path, data: Path) -> list[str]:
    """A training of three epochs of four steps."""
    fast = ["--batch-size=8", "--epochs=3", "--rank=2", "--verses=0", "--learning-rate=0.003"]
    named = [f"--train={data}", f"--base={source_of('bert')}", f"--output={tmp_path / 'out'}"]
    return [*named, *fast]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out"


def write_rows(path: Path, *, rows: list[tuple[str, str]]) -> Path:
    path.parent.mkdir(exist_ok=True)
    lines = ["text,label", *(f'"{text}",{label}' for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    weights = load_file(next(folder.glob("*.safetensors")))
    assert weights
    return weights


def list_names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def stop_at(
    step: int, *, monkeypatch: pytest.MonkeyPatch, number: signal.Signals = signal.SIGINT
) -> None:
    """Has the next training get a signal after that step."""
    on_step_end = trainer.Progress.on_step_end

    def on_step_end_and_kill(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        on_step_end(self, args, state, control, **kwargs)
        if state.global_step == step:
            monkeypatch.setattr(trainer.Progress, "on_step_end", on_step_end)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(trainer.Progress, "on_step_end", on_step_end_and_kill)


def check_same(one: Path, other: Path) -> None:
    """Compares two trainings; on one thread they are the same to the last bit."""
    weights, others = read_weights(one), read_weights(other)
    assert all(torch.equal(x, others[name]) for name, x in weights.items())
    before, after = (json.loads((x / "training.json").read_text()) for x in (one, other))
    for key in ("temperature", "labels", "rows", "accuracy", "calibration_error"):
        assert before[key] == after[key], key
    for member, other_member in zip(before["members"], after["members"], strict=True):
        check_same_member(member, other_member)


def check_same_member(one: dict[str, Any], other: dict[str, Any]) -> None:
    for key in ("seed", "best_epoch", "temperature", "macro_f1", "calibration_error"):
        assert one[key] == other[key], key
    scores = [
        [x for x in facts["history"] if "eval_loss" in x or "loss" in x] for facts in (one, other)
    ]
    for entries in scores:
        for entry in entries:
            for key in METRICS[3:6]:
                entry.pop(key, None)
    assert scores[0] == scores[1]


# A training.


def test_main_writes_an_adapter_that_is_served_and_no_text(
    options: list[str], output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main(options) == 0
    assert list_names(output) == ADAPTER
    assert list_names(tmp_path) == ["data", "out"]
    prepare_model.prepare(str(output), target=tmp_path / "checkpoint")
    assert read_checkpoint(tmp_path / "checkpoint").labels == LABELS
    shown = capsys.readouterr()
    assert (
        f"wrote {output}\nserve it: python scripts/prepare_model.py --model {output}\n" in shown.out
    )
    assert "texts: 30 train, 6 validation, 0 test; labels: anger, fear, joy" in shown.out
    assert [line for line in shown.out.splitlines() if line.startswith("epoch ")][2:]
    assert "expected calibration error: 0." in shown.out
    report = [line.split()[0] for line in shown.out.splitlines() if len(line.split()) == 5]
    assert report == list(LABELS)
    written = "".join(path.read_text("latin-1") for path in output.iterdir())
    assert not any(text in shown.out + shown.err + written for text, _ in ROWS)


def test_main_full_writes_an_ordinary_folder(
    options: list[str], output: Path, tmp_path: Path
) -> None:
    assert train.main([*options, "--full", "--max-length=64"]) == 0
    assert list_names(output) == WHOLE
    tokenizer_config = json.loads((output / "tokenizer_config.json").read_text())
    assert tokenizer_config["model_max_length"] == 64
    prepare_model.prepare(str(output), target=tmp_path / "checkpoint", max_length=64)
    written, prepared = (
        reference_probabilities(folder, VERSES, max_length=64)
        for folder in (output, tmp_path / "checkpoint")
    )
    np.testing.assert_allclose(prepared, written, atol=1e-6)


def test_main_written_checkpoint_has_the_figures_that_it_prints(
    options: list[str],
    output: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    test = write_rows(tmp_path / "data" / "test.csv", rows=[(f"{y} again", y) for y in LABELS * 2])
    assert train.main([*options, "--full", f"--test={test}"]) == 0
    facts = json.loads((output / "training.json").read_text())
    probabilities = reference_probabilities(output, [f"{y} again" for y in LABELS * 2])
    truth = np.array([LABELS.index(y) for y in LABELS * 2])
    loss = -np.log(probabilities[np.arange(12), truth]).mean()
    assert facts["metrics"]["eval_loss"] == pytest.approx(loss, abs=1e-5)
    assert facts["accuracy"] == pytest.approx((probabilities.argmax(axis=1) == truth).mean())
    assert facts["measured_on"] == "test"
    assert facts["temperature"] != 1
    shown = [x for x in capsys.readouterr().out.splitlines() if x.startswith("{")]
    assert list(ast.literal_eval(shown[0])) == list(facts["metrics"]) == METRICS


def test_main_divides_the_last_layer_by_the_temperature(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for temperature in (1.0, 4.0):
        monkeypatch.setattr(train, "fit_temperature", lambda *_, t=temperature, **__: t)
        folder = tmp_path / str(temperature)
        assert train.main([*options, "--epochs=1", f"--output={folder}"]) == 0
        assert json.loads((folder / "training.json").read_text())["temperature"] == temperature
    one, four = (read_weights(tmp_path / name) for name in ("1.0", "4.0"))
    changed = {name for name, x in one.items() if not torch.equal(x, four[name])}
    assert changed == {f"base_model.model.classifier.{name}" for name in ("weight", "bias")}
    assert all(torch.equal(one[name] / 4, four[name]) for name in changed)


def test_main_training_json_says_how_it_was_made(
    options: list[str], output: Path, tmp_path: Path, data: Path
) -> None:
    validation = write_rows(
        tmp_path / "data" / "dev.csv", rows=[*((f"{y} anew", y) for y in LABELS), ROWS[0]]
    )
    more = write_rows(tmp_path / "data" / "more.csv", rows=[(ROWS[1][0], "joy"), ("la", "love")])
    options[0:1] = ["--train", str(data), str(more)]
    assert train.main([*options, f"--validation={validation}", "--epochs=1"]) == 0
    content = (output / "training.json").read_text()
    facts = json.loads(content)
    assert str(tmp_path) not in content
    assert "/" not in facts["arguments"]["base"]
    assert facts["arguments"]["epochs"] == 1
    assert [(x["split"], x["file"], x["rows"]) for x in facts["data"]] == [
        ("train", "mine.csv", 36),
        ("train", "more.csv", 2),
        ("validation", "dev.csv", 7),
    ]
    assert facts["data"][0]["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
    assert facts["labels"] == list(LABELS)
    assert facts["rows"]["train"] == dict.fromkeys(LABELS, 6) | {"anger": 5, "joy": 7, "love": 7}
    assert facts["dropped"]["training_in_validation"] == 1
    assert facts["conflicts"] == 1
    assert set(facts["versions"]) == {"torch", "transformers", "peft"}
    (member,) = facts["members"]
    assert (facts["seed"], member["seed"], member["best_epoch"]) == (0, 0, 1)
    assert member["history"]


def test_main_members_are_averaged(
    options: list[str], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    def average(members: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
        taken.extend(members)
        return weights.average_weights(members)

    monkeypatch.setattr(train, "average_weights", average)
    monkeypatch.setattr(train, "fit_temperature", lambda *_, **__: 1.0)
    assert train.main([*options, "--members=2", "--epochs=1"]) == 0
    first, second = taken
    facts = json.loads((output / "training.json").read_text())
    assert [x["seed"] for x in facts["members"]] == [0, 1]
    written = read_weights(output)
    for name, weight in first.items():
        saved = name.replace(".modules_to_save.default", "").replace(".default", "")
        assert not torch.equal(weight, second[name])
        assert torch.allclose(written[saved], (weight + second[name]) / 2, atol=1e-7)


def test_main_another_seed_gives_other_weights(options: list[str], tmp_path: Path) -> None:
    for seed in (0, 1):
        args = [*options, "--epochs=1", f"--output={tmp_path / str(seed)}", f"--seed={seed}"]
        assert train.main(args) == 0
    one, other = (read_weights(tmp_path / name) for name in ("0", "1"))
    assert not any(torch.equal(x, other[name]) for name, x in one.items() if x.any())


def test_main_card_that_was_there_is_kept_and_said(
    options: list[str], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output.mkdir()
    (output / "README.md").write_text("my card")
    for name in ("config.json", "training.json"):
        (output / name).write_text("old")
    assert train.main([*options, "--epochs=1"]) == 0
    assert (output / "README.md").read_text() == "my card"
    assert list_names(output) == ADAPTER
    assert "the README.md that was there is kept" in capsys.readouterr().out


def test_main_again_with_other_labels_replaces_its_own_card(
    options: list[str], output: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*options, "--epochs=1"]) == 0
    write_rows(data, rows=[(text, f"{label}s") for text, label in ROWS])
    assert train.main([*options, "--epochs=1"]) == 0
    assert "for the labels angers, fears, joys" in (output / "README.md").read_text()
    assert "is kept" not in capsys.readouterr().out


def test_main_joined_verses_are_said_and_kept(
    options: list[str], output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*options, "--epochs=1", "--verses=0.4"]) == 0
    assert "\nadded 12 joined verses\n" in capsys.readouterr().out
    facts = json.loads((output / "training.json").read_text())
    assert (facts["joined_verses"], facts["arguments"]["verses"]) == (12, 0.4)


def test_main_names_that_are_no_utf8_and_any_label_are_written(
    options: list[str], output: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = write_rows(
        data.with_name(os.fsdecode(b"m\xff.csv")),
        rows=[(text, label.replace("joy", "жой")) for text, label in ROWS],
    )
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    assert train.main([f"--train={named}", *options[1:], "--epochs=1"]) == 0
    assert b"surprise, \\u0436\\u043e\\u0439\n" in printed.getvalue()
    facts = json.loads((output / "training.json").read_text(encoding="utf-8"))
    assert facts["data"][0]["file"] == facts["arguments"]["train"][0] == "m\ufffd.csv"


def test_main_nobody_reads_on_still_trains(
    options: list[str], output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert train.main([*options, "--epochs=1"]) == 0
    assert list_names(output) == ADAPTER


# What must not be replaced.


def read_bytes(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("place", ["base", "foreign"])
def test_main_output_that_it_did_not_write_is_refused_before_all_and_kept(
    options: list[str],
    tmp_path: Path,
    source_of: Callable[[str], Path],
    place: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path(shutil.copytree(source_of("bert"), tmp_path / "mine"))
    before = read_bytes(folder)
    base = [f"--base={folder}"] if place == "base" else []
    assert train.main([*options, *base, f"--output={folder}", "--train=none.csv"]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"train: --output {folder}: ")
    assert error.endswith("; name another folder\n")
    assert error.count("\n") == 1
    assert read_bytes(folder) == before
    assert list_names(tmp_path) == ["data", "mine"]


# Texts that two splits share.


def share_texts(tmp_path: Path) -> str:
    rows = [(ROWS[0][0].upper(), ROWS[0][1]), (ROWS[7][0], "joy"), ("la", "joy")]
    return f"--test={write_rows(tmp_path / 'data' / 'test.csv', rows=rows)}"


def test_main_shared_texts_are_dropped_and_said(
    options: list[str], output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*options, "--epochs=1", share_texts(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "dropped 2 training texts that the test has too (first: " in shown
    assert "1 text has more than one label\n" in shown
    assert json.loads((output / "training.json").read_text())["dropped"]["training_in_test"] == 2


def test_main_strict_refuses_shared_texts_and_names_the_first(
    options: list[str], data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*options, "--strict", share_texts(tmp_path)]) == 2
    sentence = f"--strict: found 2 training texts that the test has too (first: {data}: line 2);"
    assert sentence in capsys.readouterr().err
    assert list_names(tmp_path) == ["data"]


# Interruptions.


@pytest.mark.parametrize(
    ("way", "step", "num_done"),
    [
        pytest.param("--rank=2", 3 * STEPS_PER_EPOCH, "2 epochs", id="adapter-last-step"),
        pytest.param("--full", STEPS_PER_EPOCH + 2, "1 epoch", id="full-second-epoch"),
        pytest.param("--members=2", STEPS_PER_EPOCH + 2, "1 epoch", id="first-of-two-members"),
    ],
)
def test_main_resumed_gives_what_an_uninterrupted_training_gives(
    options: list[str],
    output: Path,
    tmp_path: Path,
    way: str,
    step: int,
    num_done: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [*options, way, "--verses=0.05", "--class-weights=balanced"]
    assert train.main([*options, f"--output={tmp_path / 'whole'}"]) == 0
    stop_at(step, monkeypatch=monkeypatch)
    assert train.main(options) == 0
    assert f"stopped after {num_done}; add --resume to go on\n" in capsys.readouterr().err
    assert list_names(tmp_path) == ["data", "out.unfinished", "whole"]
    assert train.main([*options, "--resume"]) == 0
    assert list_names(tmp_path) == ["data", "out", "whole"]
    check_same(tmp_path / "whole", output)


def test_command_killed_with_9_is_resumed_from_its_last_whole_epoch(
    options: list[str], output: Path, tmp_path: Path
) -> None:
    options = [*options, "--epochs=4", "--patience=4"]
    process = subprocess.Popen(
        [sys.executable, train.__file__, *options],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    whole = "out.unfinished/member-1/checkpoint-*/trainer_state.json"
    while process.poll() is None and not list(tmp_path.glob(whole)):
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert train.main(options) == 2
    assert train.main([*options, "--resume"]) == 0
    assert train.main([*options, f"--output={tmp_path / 'whole'}"]) == 0
    check_same(tmp_path / "whole", output)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_stopped_in_the_first_epoch_leaves_nothing(
    options: list[str],
    tmp_path: Path,
    number: signal.Signals,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop_at(2, monkeypatch=monkeypatch, number=number)
    assert train.main(options) == 0
    assert capsys.readouterr().err.endswith("stopped; nothing was written\n")
    assert list_names(tmp_path) == ["data"]


@pytest.mark.parametrize("gap_s", [0.01, 0.0005])
def test_command_stopped_by_several_signals_leaves_nothing_and_no_traceback(
    options: list[str], tmp_path: Path, gap_s: float
) -> None:
    process = subprocess.Popen(
        [sys.executable, train.__file__, *options, "--epochs=99"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not (tmp_path / "out.unfinished").exists():
        time.sleep(0.02)
    for _ in range(7):
        process.send_signal(signal.SIGINT)
        time.sleep(gap_s)
    error = process.communicate()[1]
    assert process.returncode == 0, error
    assert "Traceback" not in error
    is_whole = "stopped after" in error
    assert list_names(tmp_path) == ["data", "out.unfinished"][: 1 + is_whole]


def test_main_stopped_again_while_it_says_so_is_calm(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt_and_describe(folder: object) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return "stopped"

    monkeypatch.setattr("emotion_client.command.interruption.QUIET_S", -1.0)
    monkeypatch.setattr(train, "describe_stop", interrupt_and_describe)
    stop_at(1, monkeypatch=monkeypatch)
    assert train.main(options) == 0
    assert capsys.readouterr().err.endswith("stopped\n")


@pytest.mark.parametrize(
    "max_bytes", [pytest.param(200_000, id="weights"), pytest.param(700_000, id="optimizer")]
)
def test_main_full_disk_exits_with_2_one_sentence_and_nothing_left(
    options: list[str], tmp_path: Path, max_bytes: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, before[1]))
    try:
        assert train.main([*options, "--full"]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("train: ")]
    assert said == [
        f"train: {tmp_path / 'out.unfinished'}: cannot be written (is the disk full?); make room,"
        " then start again"
    ]
    assert list_names(tmp_path) == ["data"]


@pytest.mark.parametrize("members", [1, 2])
def test_main_stopped_while_writing_is_resumed(
    options: list[str],
    output: Path,
    tmp_path: Path,
    members: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = [*options, f"--members={members}"]

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(train, "draw_curves", fail)
        assert train.main(options) == 2
    sentence = "out.unfinished: cannot be written (is the disk full?); make room, then add --resume"
    assert capsys.readouterr().err.endswith(f"{sentence}\n")
    assert not output.exists()
    assert train.main([*options, "--resume"]) == 0
    assert list_names(output) == ADAPTER
    assert list_names(tmp_path) == ["data", "out"]


# Bad input.


def test_main_unfinished_folder_is_refused_and_kept(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out.unfinished").mkdir()
    assert train.main(options) == 2
    assert "out.unfinished: a training was not finished; add --resume" in capsys.readouterr().err
    assert list_names(tmp_path) == ["data", "out.unfinished"]


def test_main_nothing_to_resume_is_refused(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*options, "--resume"]) == 2
    assert "--resume: there is no training in" in capsys.readouterr().err
    assert list_names(tmp_path) == ["data"]


@pytest.mark.parametrize("what", ["option", "data"])
def test_main_resume_of_another_training_is_refused_and_the_state_kept(
    options: list[str],
    data: Path,
    tmp_path: Path,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stop_at(STEPS_PER_EPOCH + 1, monkeypatch=monkeypatch)
    assert train.main(options) == 0
    capsys.readouterr()
    if what == "data":
        write_rows(data, rows=ROWS[:-1])
    extra = ["--resume", *(["--epochs=5"] if what == "option" else [])]
    assert train.main([*options, *extra]) == 2
    sentence = "--epochs was 3 and is 5;" if what == "option" else "--train had the sha256 "
    assert sentence in capsys.readouterr().err
    assert list_names(tmp_path) == ["data", "out.unfinished"]
    assert list((tmp_path / "out.unfinished").glob("member-1/checkpoint-*"))


HEADER = "text,label\n"


@pytest.mark.parametrize(
    ("content", "extra", "sentence"),
    [
        pytest.param("lyrics,label\na,joy\n", (), "line 1: has no column 'text'", id="no-column"),
        pytest.param("", (), "mine.csv: has 0 rows of data", id="empty-file"),
        pytest.param(HEADER, (), "mine.csv: has 0 rows of data", id="header-alone"),
        pytest.param(HEADER + "a,joy,b\n", (), "line 2: has 3 fields", id="wrong-fields"),
        pytest.param(HEADER + "a,joy\n ,joy\n", (), "line 3: has an empty text", id="no-text"),
        pytest.param(HEADER + "a,\n", (), "line 2: has an empty label", id="no-label"),
        pytest.param(HEADER + "a,joy\nb,joy\n", (), "the label 'joy' alone", id="one-label"),
        pytest.param(
            HEADER + "a,joy\nb,joy\nc,fear\n", (), "'fear' has 1 distinct", id="rare-label"
        ),
        pytest.param(
            None,
            ("--test", HEADER + "a,joy\nb,hope\n"),
            "extra.csv: line 3: has the label 'hope'; the known labels are anger, fear",
            id="unknown-label-in-test",
        ),
        pytest.param(
            None,
            ("--validation", HEADER + "a,hope\n"),
            "extra.csv: line 2: has the label 'hope'",
            id="unknown-label-in-validation",
        ),
        pytest.param(None, ("--max-length", "129"), "this base takes 3 to 128", id="too-long"),
        pytest.param(None, ("--base", "./none"), "--base ./none: there is no", id="no-base"),
        pytest.param(None, ("--output", "{data}"), "is a file; name a folder", id="output-file"),
        pytest.param(None, ("--train", "{data}.gz"), "suffix is '.gz'", id="unknown-suffix"),
    ],
)
def test_main_bad_input_exits_with_2_one_sentence_and_nothing_written(
    options: list[str],
    data: Path,
    tmp_path: Path,
    content: str | None,
    extra: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        data.write_text(content)
    if extra and extra[1].startswith(HEADER):
        (tmp_path / "data" / "extra.csv").write_text(extra[1])
        extra = (extra[0], str(tmp_path / "data" / "extra.csv"))
    assert train.main([*options, *(x.format(data=data) for x in extra)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("train: ")
    assert error.count("\n") == 1
    assert sentence in error
    assert list_names(tmp_path) == ["data"]


def test_main_missing_package_says_what_to_install(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    assert train.main(options) == 2
    assert "train: peft is missing; run: pip install '.[train]'" in capsys.readouterr().err
