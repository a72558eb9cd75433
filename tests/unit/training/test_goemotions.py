"""Selecting the six labels of GoEmotions."""

import json
import os
import signal

import pytest
from emotion_training import goemotions, jsonl_file
from emotion_training.goemotions import main

ROWS = "\n".join(
    [
        "so angry\t2\tid1",
        "angry and sad\t2,25\tid2",
        "angry and annoyed\t2,3\tid6",
        "neutral\t27\tid3",
        '"He said ""wow"""\t26\tid4',
        "dear you\t18\tid5\n",
    ]
)


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text(ROWS, encoding="utf-8")
    return path


@pytest.fixture
def output(tmp_path):
    return tmp_path / "six.jsonl"


def list_names(folder):
    return {path.name for path in folder.iterdir()}


def check_error(capsys, sentence):
    """Checks for one sentence on standard error, without a text."""
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("goemotions: ")
    assert error.count("\n") == 1
    assert "so angry" not in error


@pytest.mark.parametrize(
    ("options", "more"),
    [([], [{"text": "angry and annoyed", "label": "anger"}]), (["--alone"], [])],
    ids=["all", "alone"],
)
def test_main_writes_comments_with_one_of_the_six(data, output, capsys, options, more):
    assert main([str(data), "--output", str(output), *options]) == 0
    assert [json.loads(line) for line in output.read_text().splitlines()] == [
        {"text": "so angry", "label": "anger"},
        *more,
        {"text": 'He said "wow"', "label": "surprise"},
        {"text": "dear you", "label": "love"},
    ]
    num_angry = 1 + len(more)
    assert f"(anger {num_angry}, love 1, surprise 1)\n" in capsys.readouterr().out
    assert list_names(data.parent) == {"train.tsv", "six.jsonl"}


def test_main_others_writes_comments_with_none_of_the_six_without_a_label(data, output, capsys):
    assert main([str(data), "--output", str(output), "--others"]) == 0
    assert output.read_text() == '{"text": "neutral"}\n'
    assert capsys.readouterr().out.endswith("six.jsonl: 1 text\n")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param("so angry\tanger\tid1", "line 1: has the label 'anger'", id="named-label"),
        pytest.param("so angry\t2,28\tid1", "line 1: has the label '28'; GoEmotions' n", id="28"),
        pytest.param("so angry\t02\tid1", "line 1: has the label '02'", id="leading-zero"),
        pytest.param("so angry\t²\tid1", "line 1: has the label '²'", id="other-digit"),
        pytest.param(f"so angry\t{'2' * 50}\tid1", "line 1: has a label of 50 char", id="long"),
        pytest.param("neutral\t27\tid1", "has 0 comments with one of the six", id="no-comment"),
        pytest.param("so angry", "has no column 2", id="no-label"),
        pytest.param("2\tit makes me so angry", "line 1: has a label of 20 char", id="swapped"),
    ],
)
def test_main_bad_data_exits_with_2_and_writes_nothing(data, output, capsys, content, sentence):
    data.write_text(content, encoding="utf-8")
    assert main([str(data), "--output", str(output)]) == 2
    check_error(capsys, sentence)
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "output_name", "sentence"),
    [
        ("train.tsv", "link.jsonl", "link.jsonl: is the file to read; name another"),
        ("train.tsv", "six.json", "six.json: expected a .jsonl file, which train.py can read"),
        ("train.csv", "six.jsonl", "expected train.tsv, dev.tsv or test.tsv as published"),
    ],
)
def test_main_bad_name_exits_with_2_and_changes_nothing(data, capsys, name, output_name, sentence):
    folder = data.parent
    (folder / "link.jsonl").symlink_to(data)
    assert main([str(folder / name), "--output", str(folder / output_name)]) == 2
    check_error(capsys, sentence)
    assert data.read_text() == ROWS
    assert list_names(folder) == {"train.tsv", "link.jsonl"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_interrupted_writes_nothing(data, output, monkeypatch, capsys, number):
    def interrupt(*arguments, **options):
        os.kill(os.getpid(), number)

    monkeypatch.setattr(goemotions, "select", interrupt)
    assert main([str(data), "--output", str(output)]) == 0
    check_error(capsys, "goemotions: stopped; nothing was written\n")
    assert list_names(data.parent) == {"train.tsv"}


def test_main_interrupted_while_writing_finishes_it(data, output, monkeypatch):
    def interrupt_and_dump(*arguments, **options):
        os.kill(os.getpid(), signal.SIGINT)
        return "{}"

    monkeypatch.setattr(jsonl_file.json, "dumps", interrupt_and_dump)
    assert main([str(data), "--output", str(output)]) == 0
    assert output.read_text() == "{}\n" * 4
    assert list_names(data.parent) == {"train.tsv", "six.jsonl"}


def test_main_full_disk_exits_with_2_and_leaves_nothing(data, output, monkeypatch, capsys):
    def fail(path, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(goemotions.Path, "replace", fail)
    assert main([str(data), "--output", str(output)]) == 2
    check_error(capsys, "No space left")
    assert list_names(data.parent) == {"train.tsv"}
