"""`scripts/train.py` on a small random BERT and a few dozen texts."""

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
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import build_architecture
from emotion_engine.checkpoint import read_checkpoint
from emotion_training.checkpoint.prepare import prepare
from emotion_training.training import train as module
from emotion_training.training import trainer, weights
from emotion_training.training.folder import build_card
from emotion_training.training.teacher import Classifier
from safetensors.torch import load_file
from transformers import AutoTokenizer

from checkpoints import LABELS, VERSES, reference_probabilities
from scripts import train

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
COMMON = ["README.md", "config.json", "tokenizer_config.json", "training.json", "training.png"]
ADAPTER = sorted([*COMMON, "adapter_config.json", "adapter_model.safetensors"])
WHOLE = sorted([*COMMON, "labels.txt", "model.safetensors", "tokenizer.json"])


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "data" / "mine.csv", rows=ROWS)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def options(source_of, output, data):
    """A training of three epochs of four steps."""
    fast = ["--batch-size=8", "--epochs=3", "--rank=2", "--verses=0", "--learning-rate=0.003"]
    return [f"--train={data}", f"--base={source_of('bert')}", f"--output={output}", *fast]


@pytest.fixture
def run(options):
    """Runs the training with more options; returns the exit code."""
    return lambda *more: train.main([*options, *more])


@pytest.fixture
def start(options):
    """Starts the training with more options as a process."""
    return lambda *more, **streams: subprocess.Popen(
        [sys.executable, train.__file__, *options, *more],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        **streams,
    )


@pytest.fixture
def stop_at(monkeypatch):
    """Sends a signal to the next training after a step."""

    def stop_at(step, *, number=signal.SIGINT):
        on_step_end = trainer.Progress.on_step_end

        def on_step_end_and_kill(self, args, state, control, **kwargs):
            on_step_end(self, args, state, control, **kwargs)
            if state.global_step == step:
                monkeypatch.setattr(trainer.Progress, "on_step_end", on_step_end)
                os.kill(os.getpid(), number)

        monkeypatch.setattr(trainer.Progress, "on_step_end", on_step_end_and_kill)

    return stop_at


@pytest.fixture
def check_refusal(capsys, tmp_path):
    """Checks for one sentence on standard error, and that nothing was written."""

    def check(sentence, *, left=("data",)):
        error = capsys.readouterr().err
        assert error.startswith("train: ")
        assert error.count("\n") == 1
        assert sentence in error
        assert list_names(tmp_path) == list(left)

    return check


def write_rows(path, *, rows):
    path.parent.mkdir(exist_ok=True)
    lines = ["text,label", *(f'"{text}",{label}' for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def read_weights(folder):
    weights = load_file(next(folder.glob("*.safetensors")))
    assert weights
    return weights


def read_facts(folder):
    return json.loads((folder / "training.json").read_text(encoding="utf-8"))


def list_names(folder):
    return sorted(path.name for path in folder.iterdir())


def check_same(one, other):
    """Compares two trainings; on one thread they are the same to the last bit."""
    weights, others = read_weights(one), read_weights(other)
    assert all(torch.equal(x, others[name]) for name, x in weights.items())
    before, after = read_facts(one), read_facts(other)
    for key in ("temperature", "labels", "rows", "accuracy", "calibration_error"):
        assert before[key] == after[key], key
    for member, other_member in zip(before["members"], after["members"], strict=True):
        for key in ("seed", "best_epoch", "temperature", "macro_f1", "calibration_error"):
            assert member[key] == other_member[key], key
        assert read_losses(member) == read_losses(other_member)


def read_losses(member):
    """Returns the losses and metrics of each epoch, without the times."""
    return [
        {key: value for key, value in entry.items() if key not in METRICS[3:6]}
        for entry in member["history"]
        if "eval_loss" in entry or "loss" in entry
    ]


# A training.


def test_main_writes_an_adapter_that_is_served_and_no_text(run, output, tmp_path, capsys):
    assert run() == 0
    assert list_names(output) == ADAPTER
    assert list_names(tmp_path) == ["data", "out"]
    prepare(str(output), target=tmp_path / "checkpoint")
    assert read_checkpoint(tmp_path / "checkpoint").labels == LABELS
    shown = capsys.readouterr()
    assert (
        f"wrote {output}\nserve it: python scripts/prepare_model.py --model {output}\n" in shown.out
    )
    assert "texts: 30 train, 6 validation, 0 test; labels: anger, fear, joy" in shown.out
    assert [line for line in shown.out.splitlines() if line.startswith("epoch ")][2:]
    assert "expected calibration error: 0." in shown.out
    assert "is kept" not in shown.out
    card = build_card(kind="Adapter", base="bert", labels=LABELS)
    assert (output / "README.md").read_text() == card
    report = [line.split()[0] for line in shown.out.splitlines() if len(line.split()) == 5]
    assert report == list(LABELS)
    written = "".join(path.read_text("latin-1") for path in output.iterdir())
    assert not any(text in shown.out + shown.err + written for text, _ in ROWS)


def test_main_full_writes_an_ordinary_folder_with_the_printed_metrics(
    run, output, tmp_path, capsys
):
    rows = [(f"{label} again", label) for label in LABELS * 2]
    test = write_rows(tmp_path / "data" / "test.csv", rows=rows)
    assert run("--full", "--max-length=64", f"--test={test}") == 0
    assert list_names(output) == WHOLE
    assert (output / "README.md").read_text().startswith("# Fine-tune of bert\n")
    tokenizer_config = json.loads((output / "tokenizer_config.json").read_text())
    assert tokenizer_config["model_max_length"] == 64
    prepare(str(output), target=tmp_path / "checkpoint", max_length=64)
    facts = read_facts(output)
    probabilities = reference_probabilities(output, [text for text, _ in rows])
    truth = np.array([LABELS.index(label) for _, label in rows])
    loss = -np.log(probabilities[np.arange(12), truth]).mean()
    assert facts["metrics"]["eval_loss"] == pytest.approx(loss, abs=1e-5)
    assert facts["accuracy"] == pytest.approx((probabilities.argmax(axis=1) == truth).mean())
    assert facts["measured_on"] == "test"
    assert facts["temperature"] != 1
    shown = [x for x in capsys.readouterr().out.splitlines() if x.startswith("{")]
    assert list(ast.literal_eval(shown[0])) == list(facts["metrics"]) == METRICS


def test_main_divides_the_last_layer_by_the_temperature(run, tmp_path, monkeypatch):
    for temperature in (1.0, 4.0):
        monkeypatch.setattr(module, "fit_temperature", lambda *_, t=temperature, **__: t)
        folder = tmp_path / str(temperature)
        assert run("--epochs=1", f"--output={folder}") == 0
        assert read_facts(folder)["temperature"] == temperature
    one, four = (read_weights(tmp_path / name) for name in ("1.0", "4.0"))
    changed = {name for name, x in one.items() if not torch.equal(x, four[name])}
    assert changed == {f"base_model.model.classifier.{name}" for name in ("weight", "bias")}
    assert all(torch.equal(one[name] / 4, four[name]) for name in changed)


def test_main_training_json_says_how_it_was_made(options, output, tmp_path, data, capsys):
    new = [(f"{label} anew", label) for label in LABELS]
    validation = write_rows(tmp_path / "data" / "dev.csv", rows=[*new, ROWS[0]])
    more = write_rows(tmp_path / "data" / "more.csv", rows=[(ROWS[1][0], "joy"), ("la", "love")])
    options[0:1] = ["--train", str(data), str(more)]
    more_options = [f"--validation={validation}", "--epochs=1", "--verses=0.4"]
    assert train.main([*options, *more_options]) == 0
    assert "\nadded 15 joined verses\n" in capsys.readouterr().out
    facts = read_facts(output)
    assert str(tmp_path) not in (output / "training.json").read_text()
    assert "/" not in facts["arguments"]["base"]
    assert (facts["arguments"]["epochs"], facts["arguments"]["verses"]) == (1, 0.4)
    assert facts["joined_verses"] == 15  # of 37 texts
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
    assert {"loss", "eval_loss", "eval_macro_f1"} <= set().union(*member["history"])


def test_main_members_are_averaged(run, output, monkeypatch):
    taken = []

    def average(members):
        taken.extend(members)
        return weights.average_weights(members)

    monkeypatch.setattr(module, "average_weights", average)
    monkeypatch.setattr(module, "fit_temperature", lambda *_, **__: 1.0)
    assert run("--members=2", "--epochs=1") == 0
    first, second = taken
    assert [x["seed"] for x in read_facts(output)["members"]] == [0, 1]
    written = read_weights(output)
    for name, weight in first.items():
        saved = name.replace(".modules_to_save.default", "").replace(".default", "")
        assert not torch.equal(weight, second[name])
        assert torch.allclose(written[saved], (weight + second[name]) / 2, atol=1e-7)


def test_main_start_is_trained_further_and_kept_in_part(run, output, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "fit_temperature", lambda *_, **__: 1.0)
    assert run("--epochs=1") == 0
    for share in ("0", "1", "0.25"):
        options = [f"--start={output}", f"--start-share={share}", "--epochs=1"]
        assert run(*options, f"--output={tmp_path / share}") == 0
    start, none, whole, part = (read_weights(tmp_path / x) for x in ("out", "0", "1", "0.25"))
    for name, weight in start.items():
        assert torch.allclose(whole[name], weight, atol=1e-7)
        assert not torch.equal(none[name], weight)
        assert torch.allclose(part[name], 0.75 * none[name] + 0.25 * weight, atol=1e-6)


def test_main_card_of_the_user_is_kept_and_said(run, output, capsys):
    output.mkdir()
    (output / "README.md").write_text("my card")
    for name in ("config.json", "training.json"):
        (output / name).write_text("old")
    assert run("--epochs=1") == 0
    assert (output / "README.md").read_text() == "my card"
    assert list_names(output) == ADAPTER
    assert "the README.md that was there is kept" in capsys.readouterr().out


def test_main_names_that_are_not_utf8_and_any_label_are_written(options, output, data, monkeypatch):
    rows = [(text, label.replace("joy", "жой")) for text, label in ROWS]
    named, printed = write_rows(data.with_name(os.fsdecode(b"m\xff.csv")), rows=rows), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    assert train.main([f"--train={named}", *options[1:], "--epochs=1"]) == 0
    assert b"surprise, \\u0436\\u043e\\u0439\n" in printed.getvalue()
    facts = read_facts(output)
    assert facts["data"][0]["file"] == facts["arguments"]["train"][0] == "m\ufffd.csv"


def test_main_output_pipe_is_closed_still_trains(run, output, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run("--epochs=1") == 0
    assert list_names(output) == ADAPTER


# A teacher.


@pytest.fixture
def songs(tmp_path):
    """Unlabelled texts: a long one, a short one twice, and one that the training data have."""
    texts = ["\n".join(VERSES[:8]), "short", "short", ROWS[0][0]]
    path = tmp_path / "data" / "songs.jsonl"
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts), encoding="utf-8")
    return path


def test_main_teacher_is_asked_once_and_said(run, output, tmp_path, encoder, songs, capsys):
    options = [f"--teacher={encoder}", f"--unlabelled={songs}", "--max-length=32"]
    assert run(*options, "--epochs=1") == 0
    shown = capsys.readouterr()
    assert "\nthe teacher gives " in shown.out
    facts = read_facts(output)
    (windows,) = [x for x in facts["data"] if x["split"] == "unlabelled"]
    assert (windows["file"], windows["rows"]) == ("songs.jsonl", 4)
    teacher = facts["teacher"]
    assert teacher["unlabelled"] > 2  # windows of the long one, and the short one
    assert f"of the training texts their label, and labelled {teacher['unlabelled']} texts" in (
        shown.out
    )
    assert not any(text in shown.out + shown.err for text in ("short", *VERSES[:8]))
    cached = {path: path.stat().st_mtime_ns for path in (tmp_path / "out.teacher").iterdir()}
    assert run(*options, "--epochs=1", "--seed=0", "--rank=1") == 0
    again = {path: path.stat().st_mtime_ns for path in (tmp_path / "out.teacher").iterdir()}
    assert cached == again


def test_main_teacher_that_is_sure_of_other_labels_is_followed(
    run, output, source_of, songs, monkeypatch
):
    def answer(self, texts):
        return np.tile(np.eye(6, dtype=np.float32)[5], (len(texts), 1))

    monkeypatch.setattr(Classifier, "read", answer)
    teacher = f"--teacher={source_of('bert')}"
    assert run(teacher, f"--unlabelled={songs}", "--teacher-share=1", "--full") == 0
    probabilities = reference_probabilities(output, [text for text, _ in ROWS])
    assert (probabilities.argmax(axis=1) == 5).all()


def test_main_teacher_resumed_gives_what_an_uninterrupted_training_gives(
    run, output, tmp_path, encoder, songs, stop_at
):
    options = [f"--teacher={encoder}", f"--unlabelled={songs}", "--label-smoothing=0.1"]
    assert run(*options, f"--output={tmp_path / 'whole'}") == 0
    stop_at(STEPS_PER_EPOCH + 4)
    assert run(*options) == 0
    assert run(*options, "--resume") == 0
    check_same(tmp_path / "whole", output)


def test_main_strict_refuses_shared_texts_and_names_the_first(run, tmp_path, data, check_refusal):
    rows = [(ROWS[0][0].upper(), ROWS[0][1]), (ROWS[7][0], "joy"), ("la", "joy")]
    test = write_rows(tmp_path / "data" / "test.csv", rows=rows)
    assert run("--strict", f"--test={test}") == 2
    check_refusal(f"--strict: found 2 training texts also in test (first: {data}: line 2);")


# Interruptions.


@pytest.mark.parametrize(
    ("kind", "step", "num_done"),
    [
        pytest.param("--rank=2", 3 * STEPS_PER_EPOCH, "2 epochs", id="adapter-last-step"),
        pytest.param("--full", STEPS_PER_EPOCH + 2, "1 epoch", id="full-second-epoch"),
        pytest.param("--members=2", STEPS_PER_EPOCH + 2, "1 epoch", id="first-of-two-members"),
    ],
)
def test_main_resumed_gives_what_an_uninterrupted_training_gives(
    run, output, tmp_path, kind, step, num_done, stop_at, capsys
):
    options = [kind, "--verses=0.05", "--class-weights=balanced"]
    assert run(*options, f"--output={tmp_path / 'whole'}") == 0
    stop_at(step)
    assert run(*options) == 0
    error = capsys.readouterr().err
    assert error == f"train: stopped after {num_done}; add --resume to continue\n"
    assert list_names(tmp_path) == ["data", "out.unfinished", "whole"]
    assert run(*options, "--resume") == 0
    assert list_names(tmp_path) == ["data", "out", "whole"]
    check_same(tmp_path / "whole", output)


def test_command_killed_with_9_is_resumed_from_its_last_whole_epoch(start, run, output, tmp_path):
    options = ["--epochs=4", "--patience=4"]
    process = start(*options, stderr=subprocess.DEVNULL)
    whole = "out.unfinished/member-1/checkpoint-*/trainer_state.json"
    while process.poll() is None and not list(tmp_path.glob(whole)):
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert run(*options) == 2
    assert run(*options, "--resume") == 0
    assert run(*options, f"--output={tmp_path / 'whole'}") == 0
    check_same(tmp_path / "whole", output)


@pytest.mark.parametrize("mode", ["--rank=2", "--full"])
def test_main_encoder_decoder_that_gives_hidden_states_too_is_trained(mode, run, output, tmp_path):
    base = build_architecture("bart", tmp_path / "data" / "base")
    assert run(f"--base={base}", "--epochs=1", mode) == 0
    assert read_weights(output)


@pytest.mark.parametrize(
    ("name", "mode", "code"),
    [
        ("gpt2", "--full", 0),
        ("qwen3", "--full", 0),
        ("qwen3", "--rank=2", 0),
        ("ibert", "--rank=2", 2),
    ],
)
def test_main_other_architectures_are_trained_or_refused(
    name, mode, code, run, output, tmp_path, capsys
):
    base = build_architecture(name, tmp_path / "data" / "base")
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = "<pad>"
    tokenizer.save_pretrained(base)
    assert run(f"--base={base}", "--epochs=1", mode) == code
    if code == 0:
        assert read_weights(output)
    else:
        assert "has nothing for LoRA; add --full" in capsys.readouterr().err


def test_main_decoder_without_a_padding_token_is_refused_before_it_begins(
    run, tmp_path, check_refusal
):
    base = build_architecture("gpt2", tmp_path / "data" / "base")
    assert run(f"--base={base}") == 2
    check_refusal("its tokenizer has no token to pad with; give an encoder such as BERT")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_stopped_in_the_first_epoch_leaves_nothing(run, number, stop_at, check_refusal):
    stop_at(2, number=number)
    assert run() == 0
    check_refusal("train: stopped; nothing was written\n")


@pytest.mark.parametrize("gap_s", [0.01, 0.0005])
def test_command_stopped_by_several_signals_leaves_nothing_and_no_traceback(start, tmp_path, gap_s):
    process = start("--epochs=99", stderr=subprocess.PIPE, text=True)
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


@pytest.mark.parametrize("max_bytes", [200_000, 700_000], ids=["weights", "optimizer"])
def test_main_full_disk_is_one_sentence_and_leaves_nothing(run, output, max_bytes, check_refusal):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, before[1]))
    try:
        assert run("--full") == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    place = f"{output}.unfinished: cannot be written (is the disk full?)"
    check_refusal(f"train: {place}; make room, then start again\n")


def test_main_stopped_while_writing_is_resumed(run, output, tmp_path, monkeypatch, check_refusal):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module, "draw_curves", fail)
        assert run("--members=2") == 2
    sentence = "out.unfinished: cannot be written (is the disk full?); make room, then add --resume"
    check_refusal(f"{sentence}\n", left=["data", "out.unfinished"])
    assert run("--members=2", "--resume") == 0
    assert list_names(output) == ADAPTER
    assert list_names(tmp_path) == ["data", "out"]


# Bad input.


def test_main_output_that_is_the_base_is_refused_before_all_and_kept(
    run, tmp_path, source_of, check_refusal
):
    folder = Path(shutil.copytree(source_of("bert"), tmp_path / "mine"))
    before = [path.read_bytes() for path in sorted(folder.iterdir())]
    assert run(f"--base={folder}", f"--output={folder}", "--train=none.csv") == 2
    sentence = "is in it and would be replaced; name another folder\n"
    check_refusal(sentence, left=["data", "mine"])
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == before


def test_main_resume_of_another_training_is_refused_and_the_state_kept(
    run, data, tmp_path, stop_at, capsys, check_refusal
):
    stop_at(STEPS_PER_EPOCH + 1)
    assert run() == 0
    capsys.readouterr()
    write_rows(data, rows=ROWS[:-1])
    assert run("--resume", "--epochs=5") == 2
    sentence = "--epochs was 3 and is 5, --train had the sha256 "
    check_refusal(sentence, left=["data", "out.unfinished"])
    assert list((tmp_path / "out.unfinished").glob("member-1/checkpoint-*"))


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--max-length=129", "this base takes 3 to 128"),
        ("--base=./none", "--base ./none: there is no such folder"),
        ("--output={data}", "is a file; name a folder"),
        ("--output={data}.loop", "leads to itself; name another folder"),
        ("--text-column=lyrics", "mine.csv: line 1: has no column 'lyrics'"),
        ("--label-column=mood", "mine.csv: line 1: has no column 'mood'"),
        ("--resume", "--resume: there is no training in"),
    ],
)
def test_main_bad_option_is_refused(run, data, option, sentence, check_refusal):
    loop = Path(f"{data}.loop")
    loop.symlink_to(loop)
    assert run(option.format(data=data)) == 2
    check_refusal(sentence)


def test_main_missing_package_says_what_to_install(run, monkeypatch, check_refusal):
    monkeypatch.setitem(sys.modules, "peft", None)
    assert run() == 2
    check_refusal("train: peft is missing; run: pip install 'lyric-emotion[train]'\n")
