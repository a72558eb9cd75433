"""`scripts/evaluate.py` as a command: in its own process, and through the real Triton."""

import ast
import csv
import json
import re
import signal
import subprocess
import sys
import time

import pytest
from e2e.replica import Replica
from emotion_command.checkout import DATA, ROOT
from emotion_training.data import read_examples

SCRIPT = ROOT / "scripts" / "evaluate.py"
KEYS = [
    "eval_loss",
    "eval_macro_f1",
    "eval_weighted_f1",
    "eval_runtime",
    "eval_samples_per_second",
    "eval_steps_per_second",
]
FILES = {"metrics.json", "predictions.jsonl", "confusion.png", "reliability.png"}
CLOSE = 0.05  # two top labels this close may swap between float32 and bfloat16
TOLERANCE = 3e-2  # of a probability between float32 and bfloat16
HELD_OUT = read_examples(DATA / "held_out.jsonl")
# Of each label seven texts (songs, poems and messages), and a long one that is truncated.
VERSES = {
    label: [each.text for each in HELD_OUT if each.label == label][2::4]
    for label in ("anger", "fear", "joy", "love", "sadness", "surprise")
}
ROWS = [
    *((verse, label) for label, verses in VERSES.items() for verse in verses),
    *(("\n".join([*verses, *verses]), label) for label, verses in VERSES.items()),
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_csv(tmp_path_factory.mktemp("data") / "verses.csv", ROWS)


@pytest.fixture(scope="module")
def checkpoint(default_repository):
    return default_repository / "emotion" / "1" / "checkpoint"


@pytest.fixture(scope="module")
def in_process(data, checkpoint, tmp_path_factory):
    """Output folder and completed process of an evaluation in its own process."""
    folder = tmp_path_factory.mktemp("local") / "evaluation"
    return folder, run(data, f"--checkpoint={checkpoint}", f"--output={folder}")


@pytest.fixture(scope="module")
def through_server(data, server, tmp_path_factory):
    """The same through the server."""
    folder = tmp_path_factory.mktemp("served") / "evaluation"
    return folder, run(data, f"--url={server.address.url}", f"--output={folder}")


def write_csv(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return path


def run(*arguments):
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def read_metrics(printed):
    (line,) = [line for line in printed.splitlines() if line.startswith("{")]
    return ast.literal_eval(line)


def read_predictions(folder):
    lines = (folder / "predictions.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_verses_are_short_and_long(client):
    truncated = [client.predict(text).truncated for text, _ in ROWS]
    assert len(ROWS) >= 40
    assert sum(truncated) >= 6


def test_server_predicts_as_the_checkpoint_in_process(in_process, through_server):
    local, served = (read_predictions(folder) for folder, _ in (in_process, through_server))
    assert len(local) == len(served) == len(ROWS)
    num_compared = 0
    for reference, answer in zip(local, served, strict=True):
        assert (answer["row"], answer["true"]) == (reference["row"], reference["true"])
        assert answer["scores"] == pytest.approx(reference["scores"], abs=TOLERANCE)
        second, first = sorted(reference["scores"].values())[-2:]
        if first - second >= CLOSE:
            assert answer["predicted"] == reference["predicted"], reference["row"]
            num_compared += 1
    assert num_compared >= 0.8 * len(ROWS)


def test_both_measured_the_same_checkpoint_on_the_same_data(in_process, through_server):
    local, served = (
        json.loads((folder / "metrics.json").read_text())
        for folder, _ in (in_process, through_server)
    )
    assert local["data"] == served["data"]
    assert local["data"]["rows"] == len(ROWS)
    assert local["model"].pop("is_served") is False
    assert served["model"].pop("is_served") is True
    for key in ("labels", "max_length", "revision"):
        assert local["model"][key] == served["model"][key], key


@pytest.mark.parametrize("way", ["in_process", "through_server"])
def test_metrics_have_exactly_the_keys_and_agree_with_the_report(way, request):
    folder, done = request.getfixturevalue(way)
    assert done.returncode == 0
    assert done.stderr == ""
    metrics = read_metrics(done.stdout)
    assert list(metrics) == KEYS
    macro = re.search(r"^ +macro avg +\S+ +\S+ +(\S+) +(\d+)$", done.stdout, re.MULTILINE)
    assert float(macro[1]) == metrics["eval_macro_f1"]
    assert int(macro[2]) == len(ROWS)
    weighted = re.search(r"^weighted avg +\S+ +\S+ +(\S+) +\d+$", done.stdout, re.MULTILINE)
    assert float(weighted[1]) == metrics["eval_weighted_f1"]
    for label in VERSES:
        assert re.search(rf"^ +{label}( +[01]\.\d+){{3}} +8$", done.stdout, re.MULTILINE)
    assert {path.name for path in folder.iterdir()} == FILES
    for name in ("confusion.png", "reliability.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("way", ["in_process", "through_server"])
def test_no_text_is_printed_or_written(way, request):
    folder, done = request.getfixturevalue(way)
    kept = done.stdout + (folder / "metrics.json").read_text()
    kept += (folder / "predictions.jsonl").read_text()
    assert not [text for text, _ in ROWS if len(text) > 12 and text[:20] in kept]


def test_label_that_the_server_lacks_is_refused(server, tmp_path):
    path = write_csv(tmp_path / "odd.csv", [("La", "joy"), ("Hm", "boredom")])
    done = run(path, f"--url={server.address.url}", f"--output={tmp_path / 'evaluation'}")
    assert done.returncode == 2
    assert "odd.csv: line 3: has the label 'boredom'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("is_served", [False, True], ids=["in-process", "through-server"])
@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_signal_stops_it_with_0_and_nothing_is_written(
    number, is_served, checkpoint, server, tmp_path
):
    path = write_csv(tmp_path / "long.csv", ROWS * 500)
    model = f"--url={server.address.url}" if is_served else f"--checkpoint={checkpoint}"
    command = [sys.executable, str(SCRIPT), str(path), model, f"--output={tmp_path / 'evaluation'}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "6 labels" in process.stdout.readline()
        assert f"{len(ROWS) * 500} texts" in process.stdout.readline()
        time.sleep(1)  # let it begin
        process.send_signal(number)
        printed, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert "{" not in printed
    assert errors.endswith("evaluate: stopped; nothing was written\n")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.long
def test_server_that_dies_and_comes_back_midway_costs_only_time(default_repository, tmp_path):
    path = write_csv(tmp_path / "long.csv", ROWS * 60)
    folder = tmp_path / "evaluation"
    with Replica(default_repository) as replica:
        command = [sys.executable, str(SCRIPT), str(path), f"--url={replica.url}"]
        with subprocess.Popen(
            [*command, f"--output={folder}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert b"6 labels" in process.stdout.readline()
            time.sleep(2)  # let it begin
            assert process.poll() is None
            replica.die_and_start_again("killed")
            _, errors = process.communicate(timeout=250)
    assert process.returncode == 0, errors.decode()
    predicted = [each["predicted"] for each in read_predictions(folder)]
    assert len(predicted) == len(ROWS) * 60
    wavering = {row for row in range(len(ROWS)) if len(set(predicted[row :: len(ROWS)])) > 1}
    assert len(wavering) <= 2  # whose top two are close
