"""The command `scripts/evaluate.py`, from its arguments to its exit code."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import evaluate
import numpy as np
import pytest
from emotion_client import InvalidInput, Unavailable
from evaluate import main
from evaluation.evaluated_model import ModelFacts
from evaluation.result import write
from fake_behaviours import Hang, Honest
from fake_server import FakeServer
from source_model import ADAPTER

from checkpoints import LABELS, TEXTS, reference_probabilities

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


class Model:
    """Answers each text with the same probabilities, or with a failure."""

    facts = ModelFacts("host:1", True, ("anger", "joy"), 128, "a" * 64)

    def __init__(self, *probabilities: float, failure: BaseException | None = None) -> None:
        self.probabilities, self.failure = probabilities, failure

    def count_steps(self, num_texts: int, *, batch_size: int) -> int:
        return num_texts

    def predict(
        self, texts: Sequence[str], *, batch_size: int, advance: Callable[[int], object]
    ) -> np.ndarray[Any, Any]:
        if self.failure:
            raise self.failure
        advance(len(texts))
        return np.array([self.probabilities] * len(texts), dtype=np.float32)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "new" / "evaluation"


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Model], None]:
    """Puts a model in the place of whatever the command line names."""

    def use(model: Model) -> None:
        @contextmanager
        def open_model(args: object) -> Iterator[Model]:
            yield model

        monkeypatch.setattr(evaluate, "open_model", open_model)

    return use


def write_data(folder: Path, rows: Sequence[tuple[str, str]], *, name: str = "data.jsonl") -> Path:
    path = folder / name
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def label_verses(checkpoint: Path) -> list[tuple[str, str]]:
    """Returns verses with the labels that the checkpoint itself gives them."""
    predicted = reference_probabilities(checkpoint, VERSES).argmax(axis=1)
    return [(text, LABELS[i]) for text, i in zip(VERSES, predicted, strict=True)]


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def read_metrics(printed: str) -> dict[str, float]:
    (line,) = [line for line in printed.splitlines() if line.startswith("{")]
    return ast.literal_eval(line)


def test_main_right_labels_prints_and_writes_everything(
    source_of: Callable[[str], Path],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checkpoint = source_of("bert")
    rows = label_verses(checkpoint)
    data = write_data(tmp_path, rows)
    assert run(data, "--checkpoint", checkpoint, "--output", output, "--batch-size", 4) == 0
    printed, errors = capsys.readouterr()
    assert errors == ""

    metrics = read_metrics(printed)
    assert list(metrics) == KEYS
    assert (metrics["eval_macro_f1"], metrics["eval_weighted_f1"]) == (1, 1)
    assert all(round(value, 4) == value for value in metrics.values())
    lines = printed.splitlines()
    assert lines[0].startswith("evaluate: bert: 6 labels, 128 tokens")
    assert lines[1].startswith(f"evaluate: {data}: 11 texts (")
    assert re.search(r"^ +precision +recall +f1-score +support$", printed, re.MULTILINE)
    assert re.search(r"^ +macro avg( +1\.0000){3} +11$", printed, re.MULTILINE)
    assert re.search(r"^expected calibration error: 0\.\d{4}$", printed, re.MULTILINE)
    assert lines[-1] == f"evaluate: wrote {output}"

    assert {path.name for path in output.iterdir()} == FILES
    document = json.loads((output / "metrics.json").read_text())
    assert {key: round(value, 4) for key, value in document["metrics"].items()} == metrics
    num_steps = metrics["eval_steps_per_second"] / metrics["eval_samples_per_second"] * 11
    assert num_steps == pytest.approx(3, rel=0.01)
    assert document["data"]["file"] == "data.jsonl"
    expected = reference_probabilities(checkpoint, VERSES)
    predictions = [
        json.loads(line) for line in (output / "predictions.jsonl").read_text().splitlines()
    ]
    assert [(each["row"], each["predicted"]) for each in predictions] == [
        (i + 1, label) for i, (_, label) in enumerate(rows)
    ]
    scores = [list(each["scores"].values()) for each in predictions]
    np.testing.assert_allclose(scores, expected, atol=1e-5)

    kept = printed.encode() + b"".join(path.read_bytes() for path in output.iterdir())
    assert not [text for text, _ in rows if len(text) > 10 and text.encode()[:40] in kept]


def test_main_texts_of_several_labels_are_counted(
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(0.9, 0.1))
    rows = [("la", "anger"), ("la", "joy"), ("so", "joy"), ("so", "joy"), ("fa", "anger")]
    assert run(write_data(tmp_path, rows), "--output", output) == 0
    assert "\nevaluate: texts with more than one label: 1\n" in capsys.readouterr().out


def test_main_label_that_occurs_nowhere_is_said(
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(0.9, 0.1))
    assert run(write_data(tmp_path, [("la", "anger")]), "--output", output) == 0
    printed = capsys.readouterr().out
    assert read_metrics(printed)["eval_macro_f1"] == 1
    assert "nor predicted, so in none of the averages: joy\n" in printed
    assert "more than one label" not in printed
    assert json.loads((output / "metrics.json").read_text())["confusion"] == [[1, 0], [0, 0]]


@pytest.mark.parametrize(
    ("least", "code", "sentence"),
    [
        ("0", 0, ""),
        ("0.3333", 0, ""),
        ("0.34", 1, "evaluate: macro F1 0.3333 is below 0.3400\n"),
        ("1", 1, "evaluate: macro F1 0.3333 is below 1.0000\n"),
        ("0.33334", 1, "evaluate: macro F1 0.33333 is below 0.33334\n"),
    ],
)
def test_main_gate_decides_the_exit_code_and_still_writes(
    least: str,
    code: int,
    sentence: str,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(0.9, 0.1))
    data = write_data(tmp_path, [("la", "anger"), ("so", "joy")])
    assert run(data, "--output", output, "--min-macro-f1", least) == code
    assert capsys.readouterr().err == sentence
    assert {path.name for path in output.iterdir()} == FILES


@pytest.mark.parametrize(
    ("rows", "options", "sentence"),
    [
        ([], [], "data.jsonl: has 0 rows"),
        ([("la", "anger"), ("so", "boredom")], [], "line 2: has the label 'boredom'"),
        ([("la", "anger")], ["--label-column=emotion"], "line 1: has no column 'emotion'"),
        ([("la " * 400_000, "anger")], [], "line 1: text has 1199999 bytes as UTF-8; limit is"),
    ],
    ids=["empty", "unknown-label", "missing-column", "huge-text"],
)
def test_main_bad_data_is_one_sentence_and_nothing_is_written(
    rows: list[tuple[str, str]],
    options: list[str],
    sentence: str,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(0.9, 0.1))
    data = write_data(tmp_path, rows)
    assert run(data, "--output", output, *options) == 2
    check_refusal(capsys, sentence)
    assert not output.parent.exists()


def change_config(source: Path, **changes: Any) -> None:
    config = json.loads((source / "config.json").read_text()) | changes
    config = {key: value for key, value in config.items() if value is not ...}
    (source / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id2label": ..., "label2id": ...}, "no id2label"),
        ({"problem_type": "multi_label_classification"}, "one label a text is needed here"),
        ({"problem_type": "regression"}, "regression"),
    ],
    ids=["no-label-names", "several-labels", "regression"],
)
def test_main_checkpoint_that_gives_no_label_is_refused(
    changes: dict[str, Any],
    sentence: str,
    source_of: Callable[[str], Path],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = Path(shutil.copytree(source_of("bert"), tmp_path / "source"))
    change_config(source, **changes)
    data = write_data(tmp_path, [("la", "anger")])
    assert run(data, "--checkpoint", source, "--output", output) == 2
    check_refusal(capsys, sentence)
    assert not output.parent.exists()


def test_main_unknown_label_is_held_against_the_checkpoint(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path, [("la", "joy"), ("so", "boredom")])
    assert run(data, "--checkpoint", ADAPTER, "--output", output) == 2
    check_refusal(capsys, f"{data}: line 2: has the label 'boredom'")


def test_main_no_server_is_one_sentence(
    tmp_path: Path, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path, [("la", "joy")])
    assert run(data, "--url", "127.0.0.1:1", "--output", output, "--timeout", 5) == 2
    check_refusal(capsys, "127.0.0.1:1: ")
    assert not output.parent.exists()


@pytest.mark.parametrize("place", ["data.jsonl", "data.jsonl/below"])
def test_main_output_that_is_no_folder_is_refused_before_all(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path, [("la", "joy")])
    assert run(data, "--output", tmp_path / place) == 2
    check_refusal(capsys, "data.jsonl is a file; name a folder")


@pytest.mark.parametrize(
    ("failure", "code"),
    [(Unavailable("host:1: gone"), 1), (InvalidInput("host:1: refused"), 2)],
    ids=["died", "bad-input"],
)
def test_main_server_that_fails_meanwhile_is_one_sentence(
    failure: Exception,
    code: int,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(failure=failure))
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == code
    check_refusal(capsys, str(failure))
    assert not output.parent.exists()


def test_main_model_that_answers_nan_is_refused(
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(float("nan"), 0.5))
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 2
    check_refusal(capsys, "host:1 cannot be measured: text 1 has the probability nan")


def test_main_interrupted_says_that_nothing_was_written(
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answer(Model(failure=KeyboardInterrupt()))
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 0
    assert capsys.readouterr().out.endswith("stopped; nothing was written\n")
    assert not output.parent.exists()


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("is_link", [False, True], ids=["itself", "link"])
def test_main_output_that_would_replace_the_data_is_refused_before_all(
    name: str, is_link: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / name
    data = write_data(tmp_path, [("la", "joy")], name="data.jsonl" if is_link else name)
    if is_link:
        place.symlink_to(data)
    content = data.read_bytes()
    assert run(data, "--output", tmp_path) == 2
    check_refusal(capsys, f"{place} is the data and would be replaced; name another folder")
    assert data.read_bytes() == content


@pytest.mark.parametrize("target", ["nothing", "link"], ids=["dangling", "looping"])
@pytest.mark.parametrize("place", ["link", "link/below"])
def test_main_output_that_is_a_broken_link_is_refused_before_all(
    target: str, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / target)
    data = write_data(tmp_path, [("la", "joy")])
    assert run(data, "--output", tmp_path / place) == 2
    check_refusal(capsys, "link is a link that leads nowhere; name a folder")


def test_main_file_to_be_written_that_is_a_folder_is_refused_before_all(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "metrics.json").mkdir()
    data = write_data(tmp_path, [("la", "joy")])
    assert run(data, "--output", tmp_path) == 2
    check_refusal(capsys, "metrics.json is a folder; name another folder")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_main_nobody_reads_on_still_writes(
    stream: str,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, stream, pipe)
        monkeypatch.setattr(evaluate, "PROGRESS_DELAY_S", 1e-9)
        answer(Model(0.9, 0.1))
        assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 0
    assert {path.name for path in output.iterdir()} == FILES


@pytest.mark.parametrize("step", ["build_files", "write"])
def test_main_full_disk_still_shows_what_was_measured(
    step: str,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    answer(Model(0.9, 0.1))
    monkeypatch.setattr(evaluate, step, fail)
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 2
    printed, errors = capsys.readouterr()
    assert "expected calibration error" in printed
    assert errors == "evaluate: [Errno 28] No space left on device\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_interrupted_while_it_draws_writes_nothing(
    number: int,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(evaluation: object) -> None:
        os.kill(os.getpid(), number)

    answer(Model(0.9, 0.1))
    monkeypatch.setattr(evaluate, "build_files", interrupt)
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 0
    assert capsys.readouterr().out.endswith("stopped; nothing was written\n")
    assert not output.parent.exists()


def test_main_any_name_and_label_is_written_and_said_to_any_terminal(
    answer: Callable[[Model], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Model(0.9, 0.1)
    model.facts = ModelFacts("host:1", True, ("жой", "joy"), 128, None)
    answer(model)
    data = write_data(tmp_path, [("la", "жой")], name=os.fsdecode(b"d\xff.jsonl"))
    output, printed = tmp_path / os.fsdecode(b"o\xff"), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii"))
    assert run(data, "--output", output) == 0
    assert b"d\\udcff.jsonl: 1 texts (\\u0436\\u043e\\u0439 1)" in printed.getvalue()
    document = json.loads((output / "metrics.json").read_text(encoding="utf-8"))
    assert document["data"]["file"] == "d\ufffd.jsonl"
    assert document["labels"] == ["жой", "joy"]


def test_main_without_matplotlib_says_what_to_install(
    tmp_path: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 2
    check_refusal(capsys, r"matplotlib is missing; run: pip install '.[train]'")


def check_refusal(capsys: pytest.CaptureFixture[str], sentence: str) -> None:
    printed, errors = capsys.readouterr()
    assert errors.startswith("evaluate: ")
    assert errors.count("\n") == 1
    assert sentence in errors
    assert "{" not in printed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_interrupted_while_it_writes_ends_the_writing(
    number: int,
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt_and_write(*arguments: Any, **options: Any) -> None:
        os.kill(os.getpid(), number)
        write(*arguments, **options)

    answer(Model(0.9, 0.1))
    monkeypatch.setattr(evaluate, "write", interrupt_and_write)
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 0
    assert {path.name for path in output.iterdir()} == FILES


def test_main_interruption_that_python_forgot_stops_it(
    answer: Callable[[Model], None],
    tmp_path: Path,
    output: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Mortal:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(evaluate, "describe_model", lambda facts: Mortal() and "")
    answer(Model(0.9, 0.1))
    assert run(write_data(tmp_path, [("la", "joy")]), "--output", output) == 0
    assert capsys.readouterr().out.endswith("stopped; nothing was written\n")
    assert not output.parent.exists()


@pytest.mark.parametrize(
    "option",
    [
        "--batch-size=0",
        "--batch-size=1025",
        "--batch-size=two",
        "--min-macro-f1=1.1",
        "--min-macro-f1=nan",
        "--min-macro-f1=high",
        "--url=nowhere",
        "--timeout=0",
    ],
)
def test_parse_args_wrong_value_exits_with_2(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_info:
        evaluate.parse_args(["data.csv", option])
    assert exit_info.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err.splitlines()[-1]


def test_help_says_defaults_columns_exit_codes_and_what_is_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        evaluate.parse_args(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "number from 1 where there is no header (default: text)",
        "(default: evaluation)",
        "Exit codes: 0 done",
        "are replaced",
    ):
        assert words in shown


def test_parse_args_checkpoint_and_url_exclude_each_other(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        evaluate.parse_args(["data.csv", "--checkpoint=folder", "--url=host:1"])
    assert "not allowed with argument" in capsys.readouterr().err


def test_show_progress_bar_comes_where_it_takes_longer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for delay_s, has_bar in ((60.0, False), (1e-9, True)):
        monkeypatch.setattr(evaluate, "PROGRESS_DELAY_S", delay_s)
        with evaluate.show_progress(2, check=lambda: None) as advance:
            advance(1)
            advance(1)
        printed, errors = capsys.readouterr()
        assert printed == ""
        assert ("2/2" in errors) == has_bar


def test_show_progress_where_nobody_reads_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise BrokenPipeError

    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        monkeypatch.setattr("tqdm.std.tqdm.update", fail)
        with evaluate.show_progress(2, check=lambda: None) as advance:
            advance(2)


def test_importing_evaluate_imports_nothing_heavy() -> None:
    code = f"""
import sys
sys.path.insert(0, {str(Path(evaluate.__file__).parent)!r})
import evaluate
print({{"torch", "transformers", "matplotlib", "sklearn", "tqdm"}} & set(sys.modules) or "light")
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "light\n"


def test_main_server_that_is_restarted_midway_costs_only_time(
    tmp_path: Path, start_server: Callable[..., FakeServer]
) -> None:
    lines = [f"the lamp is low {i},{LABELS[i % 6]}\n" for i in range(400)]
    (tmp_path / "data.csv").write_text("text,label\n" + "".join(lines), encoding="utf-8")
    server = start_server()
    server.behave(*[Honest()] * 100, *[Hang()] * 8)

    def restart() -> None:
        server.wait_until_active(8, timeout_s=30)
        server.stop()
        time.sleep(1.0)
        server.start()

    operator = threading.Thread(target=restart)
    operator.start()
    options = ["--url", server.url, "--batch-size", 8, "--output", tmp_path / "out"]
    assert run(tmp_path / "data.csv", *options) == 0
    operator.join()
    assert len((tmp_path / "out" / "predictions.jsonl").read_text().splitlines()) == 400
    assert [call.ending for call in server.calls].count("stopped") == 8
