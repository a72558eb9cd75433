"""`scripts/evaluate.py`, from its arguments to its exit code."""

import ast
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from emotion_client import InvalidInput, Unavailable
from emotion_command.checkout import ROOT
from emotion_training.evaluation import evaluate as module
from emotion_training.evaluation.evaluated_model import ModelFacts
from emotion_training.evaluation.result import write
from fake_behaviours import Hang, Honest

from checkpoints import LABELS, TEXTS, reference_probabilities
from scripts.evaluate import main, parse_args

FILES = {"metrics.json", "predictions.jsonl", "confusion.png", "reliability.png"}
KEYS = [
    "eval_loss",
    "eval_macro_f1",
    "eval_weighted_f1",
    "eval_runtime",
    "eval_samples_per_second",
    "eval_steps_per_second",
]
VERSES = [text.strip() for text in TEXTS if text.strip()]
JOY = [("la", "joy")]
BOTH = [("la", "anger"), ("so", "joy")]


class Model:
    """Answers each text with the same probabilities, or fails."""

    facts = ModelFacts("host:1", True, ("anger", "joy"), 128, "a" * 64)
    probabilities = (0.9, 0.1)
    failure = None

    def count_steps(self, num_texts, *, batch_size):
        return num_texts

    def predict(self, texts, *, batch_size, advance):
        if self.failure:
            raise self.failure
        advance(len(texts))
        return np.array([self.probabilities] * len(texts), dtype=np.float32)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "new" / "evaluation"


@pytest.fixture
def model(monkeypatch):
    """The model that is evaluated, whatever the command line names."""
    model = Model()

    @contextmanager
    def open_model(options):
        yield model

    monkeypatch.setattr(module, "open_model", open_model)
    return model


@pytest.fixture
def run(tmp_path, output):
    """Evaluates a model on rows of text and label; returns the exit code."""

    def run(rows, *options, name="data.jsonl"):
        lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
        (tmp_path / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return main([str(each) for each in (tmp_path / name, "--output", output, *options)])

    return run


@pytest.fixture
def check_error(capsys, output):
    """Checks for one sentence on standard error, no metrics, and no output."""

    def check(sentence):
        printed, error = capsys.readouterr()
        assert error.startswith("evaluate: ")
        assert error.count("\n") == 1
        assert sentence in error
        assert "{" not in printed
        assert not output.parent.exists()

    return check


def read_metrics(printed):
    (line,) = [line for line in printed.splitlines() if line.startswith("{")]
    return ast.literal_eval(line)


def read_predictions(output):
    return [json.loads(x) for x in (output / "predictions.jsonl").read_text().splitlines()]


def list_names(folder):
    return {path.name for path in folder.iterdir()}


# What is printed and written.


def test_main_right_labels_prints_and_writes_everything(source_of, tmp_path, run, output, capsys):
    expected = reference_probabilities(source_of("bert"), VERSES)
    rows = [(text, LABELS[i]) for text, i in zip(VERSES, expected.argmax(axis=1), strict=True)]
    assert run(rows, "--checkpoint", source_of("bert"), "--batch-size", 4) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""

    metrics = read_metrics(printed)
    assert list(metrics) == KEYS
    assert (metrics["eval_macro_f1"], metrics["eval_weighted_f1"]) == (1, 1)
    assert all(round(value, 4) == value for value in metrics.values())
    lines = printed.splitlines()
    assert lines[0].startswith("evaluate: bert: 6 labels, 128 tokens")
    assert lines[1].startswith(f"evaluate: {tmp_path / 'data.jsonl'}: 11 texts (")
    assert re.search(r"^ +precision +recall +f1-score +support$", printed, re.MULTILINE)
    assert re.search(r"^ +macro avg( +1\.0000){3} +11$", printed, re.MULTILINE)
    assert re.search(r"^expected calibration error: 0\.\d{4}$", printed, re.MULTILINE)
    assert lines[-1] == f"evaluate: wrote {output}"

    assert list_names(output) == FILES
    document = json.loads((output / "metrics.json").read_text())
    assert {key: round(value, 4) for key, value in document["metrics"].items()} == metrics
    num_steps = metrics["eval_steps_per_second"] / metrics["eval_samples_per_second"] * 11
    assert num_steps == pytest.approx(3, rel=0.01)
    assert document["data"]["file"] == "data.jsonl"
    predictions = read_predictions(output)
    assert [(x["row"], x["predicted"]) for x in predictions] == [
        (i, label) for i, (_, label) in enumerate(rows, start=1)
    ]
    scores = [list(x["scores"].values()) for x in predictions]
    np.testing.assert_allclose(scores, expected, atol=1e-5)

    kept = printed.encode() + b"".join(path.read_bytes() for path in output.iterdir())
    assert not [text for text in VERSES if len(text) > 10 and text.encode()[:40] in kept]


@pytest.mark.usefixtures("model")
def test_main_texts_of_several_labels_are_counted(run, capsys):
    rows = [("la", "anger"), ("la", "joy"), ("so", "joy"), ("so", "joy"), ("fa", "anger")]
    assert run(rows) == 0
    assert "\nevaluate: texts with more than one label: 1\n" in capsys.readouterr().out


@pytest.mark.usefixtures("model")
def test_main_label_that_does_not_occur_is_named(run, output, capsys):
    assert run([("la", "anger")]) == 0
    printed = capsys.readouterr().out
    assert read_metrics(printed)["eval_macro_f1"] == 1
    assert "neither in the data nor predicted, so not in the averages: joy\n" in printed
    assert "more than one label" not in printed
    assert json.loads((output / "metrics.json").read_text())["confusion"] == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("least", "code", "sentence"),
    [
        ("0", 0, ""),
        ("0.3333", 0, ""),
        ("0.34", 1, "evaluate: macro F1 0.3333 is below 0.3400\n"),
        ("0.33334", 1, "evaluate: macro F1 0.33333 is below 0.33334\n"),
    ],
)
@pytest.mark.usefixtures("model")
def test_main_min_macro_f1_decides_the_exit_code(least, code, sentence, run, output, capsys):
    assert run(BOTH, "--min-macro-f1", least) == code
    assert capsys.readouterr().err == sentence
    assert list_names(output) == FILES


def test_main_any_name_and_label_is_written_and_printed(model, tmp_path, run, monkeypatch):
    model.facts = ModelFacts("host:1", True, ("жой", "joy"), 128, None)
    printed, output = io.BytesIO(), tmp_path / os.fsdecode(b"o\xff")
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    assert run([("la", "жой")], "--output", output, name=os.fsdecode(b"d\xff.jsonl")) == 0
    assert b"d\\udcff.jsonl: 1 texts (\\u0436\\u043e\\u0439 1)" in printed.getvalue()
    document = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert document["data"]["file"] == "d\ufffd.jsonl"
    assert document["labels"] == ["жой", "joy"]


@pytest.mark.usefixtures("model")
def test_main_output_pipe_is_closed_still_writes(run, output, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert run(JOY) == 0
    assert list_names(output) == FILES


@pytest.mark.usefixtures("model")
def test_main_shows_progress_in_texts(run, monkeypatch):
    steps = []

    @contextmanager
    def show_progress(total, *, name, beside_results):
        assert (total, name, beside_results) == (2, "evaluate", True)
        yield steps.append

    monkeypatch.setattr(module, "show_progress", show_progress)
    assert run(BOTH) == 0
    assert steps == [2]


# Bad input.


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        pytest.param(JOY, ["--label-column=x"], "line 1: has no column 'x'", id="no-column"),
        pytest.param(
            [*JOY, ("so", "hope")], [], "line 2: has the label 'hope'", id="unknown-label"
        ),
        pytest.param(
            [("la " * 400_000, "joy")], [], "line 1: text has 1199999 bytes as", id="huge-text"
        ),
    ],
)
@pytest.mark.usefixtures("model")
def test_main_bad_data_is_refused(rows, options, sentence, run, check_error):
    assert run(rows, *options) == 2
    check_error(sentence)


def test_main_checkpoint_that_is_not_there_is_refused(run, check_error):
    assert run(JOY, "--checkpoint", "./missing") == 2
    check_error("there is no folder ./missing")


def test_main_model_that_answers_nan_is_refused(model, run, check_error):
    model.probabilities = (float("nan"), 0.5)
    assert run(JOY) == 2
    check_error("host:1 cannot be evaluated: text 1 has the probability nan")


def test_main_missing_package_says_what_to_install(run, monkeypatch, check_error):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(JOY) == 2
    check_error("matplotlib is missing; run: pip install 'lyric-emotion[train]'\n")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("data.jsonl", "data.jsonl is a file; name a folder"),
        ("data.jsonl/below", "data.jsonl is a file; name a folder"),
        ("dangling", "dangling is a broken link; name a folder"),
        ("looping", "looping is a broken link; name a folder"),
        ("full", "metrics.json is a folder; name another folder"),
    ],
)
def test_main_bad_output_is_refused_before_all(place, sentence, tmp_path, run, check_error):
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    (tmp_path / "looping").symlink_to(tmp_path / "looping")
    (tmp_path / "full" / "metrics.json").mkdir(parents=True)
    assert run(JOY, "--output", tmp_path / place) == 2
    check_error(sentence)


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("is_link", [False, True], ids=["itself", "link"])
def test_main_output_that_would_replace_the_data_is_refused_before_all(
    name, is_link, tmp_path, run, check_error
):
    if is_link:
        (tmp_path / name).symlink_to(tmp_path / "mine.jsonl")
    data = tmp_path / ("mine.jsonl" if is_link else name)
    assert run(JOY, "--output", tmp_path, name=data.name) == 2
    check_error(f"{tmp_path / name} is the data and would be replaced; name another folder")
    assert json.loads(data.read_text()) == {"text": "la", "label": "joy"}


@pytest.mark.parametrize(
    "options",
    [
        "--url=host:1 --checkpoint=folder",
        "--batch-size=0",
        "--batch-size=1025",
        "--min-macro-f1=1.1",
        "--min-macro-f1=-0.1",
        "--url=nowhere",
        "--timeout=0",
        "--timeout=86401",
    ],
)
def test_parse_args_wrong_usage_exits_with_2(options, capsys):
    with pytest.raises(SystemExit) as exit_info:
        parse_args(["data.csv", *options.split()])
    assert exit_info.value.code == 2
    assert options.partition("=")[0] in capsys.readouterr().err.splitlines()[-1]


def test_help_has_defaults_exit_codes_and_what_is_replaced(capsys):
    with pytest.raises(SystemExit):
        parse_args(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for words in ("(default: text)", "(default: evaluation)", "Exit codes: 0 done", "are replaced"):
        assert words in shown


# Failures and interruptions on the way.


@pytest.mark.parametrize(
    ("failure", "code"),
    [(Unavailable("host:1: gone"), 1), (InvalidInput("host:1: refused"), 2)],
    ids=["died", "bad-input"],
)
def test_main_server_that_fails_midway_is_one_sentence(failure, code, model, run, check_error):
    model.failure = failure
    assert run(JOY) == code
    check_error(str(failure))


def test_main_no_server_is_one_sentence(run, check_error):
    assert run(JOY, "--url", "127.0.0.1:1", "--timeout", 5) == 2
    check_error("127.0.0.1:1: ")


@pytest.mark.usefixtures("model")
def test_main_full_disk_still_shows_the_metrics(run, monkeypatch, capsys):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "build_files", fail)
    assert run(JOY) == 2
    printed, errors = capsys.readouterr()
    assert "expected calibration error" in printed
    assert errors == "evaluate: No space left on device\n"


@pytest.mark.usefixtures("model")
def test_main_interruption_that_python_discarded_stops_it(run, monkeypatch, check_error):
    class Mortal:
        def __del__(self):
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(module, "describe_model", lambda facts: Mortal() and "")
    assert run(JOY) == 0
    check_error("evaluate: stopped; nothing was written\n")


@pytest.mark.usefixtures("model")
def test_main_interrupted_while_drawing_writes_nothing(run, output, monkeypatch, capsys):
    def interrupt(evaluation):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(module, "build_files", interrupt)
    assert run(JOY) == 0
    assert capsys.readouterr().err == "evaluate: stopped; nothing was written\n"
    assert not output.parent.exists()


@pytest.mark.usefixtures("model")
def test_main_interrupted_while_writing_finishes_it(run, output, monkeypatch):
    def interrupt_and_write(*arguments, **options):
        os.kill(os.getpid(), signal.SIGTERM)
        write(*arguments, **options)

    monkeypatch.setattr(module, "write", interrupt_and_write)
    assert run(JOY) == 0
    assert list_names(output) == FILES


def test_main_server_that_is_restarted_midway_costs_only_time(run, output, start_server):
    server = start_server()
    server.behave(*[Honest()] * 100, *[Hang()] * 8)

    def restart():
        server.wait_until_active(8, timeout_s=30)
        server.stop()
        time.sleep(1.0)
        server.start()

    operator = threading.Thread(target=restart)
    operator.start()
    rows = [(f"the lamp is low {i}", LABELS[i % 6]) for i in range(400)]
    assert run(rows, "--url", server.url, "--batch-size", 8) == 0
    operator.join()
    assert len(read_predictions(output)) == 400
    assert [call.ending for call in server.calls].count("stopped") == 8


def test_importing_evaluate_imports_nothing_heavy():
    code = """
import sys
from scripts import evaluate
print({"torch", "transformers", "matplotlib", "sklearn", "tqdm"} & set(sys.modules) or "light")
"""
    options = {"cwd": ROOT, "check": True, "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", code], **options)
    assert done.stdout == "light\n"
