"""Selecting the six labels of GoEmotions by `scripts/goemotions.py`."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
from pathlib import Path

import goemotions
import pytest
from goemotions import main

ROWS = "\n".join(
    [
        "so angry\t2\tid1",
        "angry and sad\t2,25\tid2",
        "angry and annoyed\t2,3\tid6",
        "neutral\t27\tid3",
        '"He said ""wow"""\t26\tid4',
        "dear you\t18\tid5",
    ]
)


def write(folder: Path, *, content: str) -> Path:
    path = folder / "train.tsv"
    path.write_text(content + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "more"),
    [
        pytest.param([], [{"text": "angry and annoyed", "label": "anger"}], id="in-company"),
        pytest.param(["--alone"], [], id="alone"),
    ],
)
def test_main_writes_comments_with_one_of_the_six(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    more: list[dict[str, str]],
) -> None:
    output = tmp_path / "six.jsonl"
    assert main([str(write(tmp_path, content=ROWS)), "--output", str(output), *options]) == 0
    assert [json.loads(line) for line in output.read_text().splitlines()] == [
        {"text": "so angry", "label": "anger"},
        *more,
        {"text": 'He said "wow"', "label": "surprise"},
        {"text": "dear you", "label": "love"},
    ]
    num_angry = 1 + len(more)
    assert f"(anger {num_angry}, love 1, surprise 1)" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"train.tsv", "six.jsonl"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param("so angry\tanger\tid1", "line 1: has the label 'anger'", id="named-label"),
        pytest.param("so angry\t2,28\tid1", "line 1: has the label '28'", id="unknown-number"),
        pytest.param("so angry\t02\tid1", "line 1: has the label '02'", id="leading-zero"),
        pytest.param("so angry\t²\tid1", "line 1: has the label '²'", id="other-digit"),
        pytest.param(f"so angry\t{'2' * 5000}\tid1", "line 1: has a label of 5000", id="long"),
        pytest.param("neutral\t27\tid1", "has 0 comments", id="none-of-the-six"),
        pytest.param("so angry", "has no column 2", id="no-label"),
        pytest.param("2\tit makes me so angry", "line 1: has a label of 20 char", id="swapped"),
    ],
)
def test_main_bad_file_exits_2_with_one_sentence_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, problem: str
) -> None:
    output = tmp_path / "six.jsonl"
    assert main([str(write(tmp_path, content=content)), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert problem in error
    assert error.count("\n") == 1
    assert "so angry" not in error
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("train.tsv", "train.tsv: is no .jsonl; name it so", id="itself"),
        pytest.param("link.jsonl", "link.jsonl: is the file to be read", id="link-to-itself"),
        pytest.param(".", "is a folder; name a file in it", id="folder"),
        pytest.param("no/six.jsonl", "no; make it first", id="no-folder"),
        pytest.param("six.json", "six.json: is no .jsonl; name it so for train.py", id="suffix"),
    ],
)
def test_main_bad_output_exits_2_with_one_sentence_and_leaves_all_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    path = write(tmp_path, content=ROWS)
    (tmp_path / "link.jsonl").symlink_to(path)
    assert main([str(path), "--output", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1
    assert path.read_text() == f"{ROWS}\n"
    assert {each.name for each in tmp_path.iterdir()} == {"train.tsv", "link.jsonl"}


@pytest.mark.parametrize("name", ["train.jsonl", "train.csv", "train"])
def test_main_other_suffix_is_refused_without_a_word_on_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main([str(tmp_path / name), "--output", str(tmp_path / "six.jsonl")]) == 2
    error = capsys.readouterr().err
    assert "is no .tsv; give train.tsv, dev.tsv or test.tsv as published" in error
    assert "column" not in error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_interrupted_exits_0_and_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        os.kill(os.getpid(), number)

    monkeypatch.setattr(goemotions, "select", interrupt)
    output = tmp_path / "six.jsonl"
    assert main([str(write(tmp_path, content=ROWS)), "--output", str(output)]) == 0
    assert capsys.readouterr().out == "stopped; nothing was written\n"
    assert {path.name for path in tmp_path.iterdir()} == {"train.tsv"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_interrupted_while_it_writes_ends_the_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def interrupt_and_dump(*arguments: object, **options: object) -> str:
        os.kill(os.getpid(), number)
        return "{}"

    monkeypatch.setattr("goemotions.json.dumps", interrupt_and_dump)
    output = tmp_path / "six.jsonl"
    assert main([str(write(tmp_path, content=ROWS)), "--output", str(output)]) == 0
    assert output.read_text() == "{}\n" * 4
    assert {path.name for path in tmp_path.iterdir()} == {"train.tsv", "six.jsonl"}


def test_main_full_disk_exits_2_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(path: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(goemotions.Path, "replace", fail)
    path = write(tmp_path, content=ROWS)
    assert main([str(path), "--output", str(tmp_path / "six.jsonl")]) == 2
    assert "No space left" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"train.tsv"}


def test_main_name_that_is_no_utf8_is_written_and_said_to_any_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    output = tmp_path / os.fsdecode(b"s\xff.jsonl")
    assert main([str(write(tmp_path, content=ROWS)), "--output", str(output)]) == 0
    assert output.is_file()
    assert b"s\\udcff.jsonl: 4 texts" in written.getvalue()
