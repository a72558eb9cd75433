"""The files that arguments mean, and their names in the output."""

from pathlib import Path

import pytest
from emotion_scoring.errors import InputError
from emotion_scoring.inputs import find_inputs

FILES = ("a.csv", "b.jsonl", "more/a.csv", "more/deep/c.parquet", "notes.txt", "_x/d.csv", ".e.csv")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FILES:
        path = Path("songs", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["songs"], ["a.csv", "b.jsonl", "more/a.csv", "more/deep/c.parquet"]),
        (["songs/a.csv"], ["a.csv"]),
        (["songs/*.csv"], ["a.csv"]),
        (["songs/**/*.csv"], ["a.csv", "more/a.csv", "_x/d.csv"]),
        (["songs/m*"], ["more/a.csv", "more/deep/c.parquet"]),
        (["songs/a.csv", "songs/*.csv", "./songs/a.csv"], ["a.csv"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_find_inputs_names(arguments, names, folder):
    found = find_inputs(arguments, output=Path("scored"))
    assert [each.name for each in found] == sorted(names)
    assert all(each.path.is_file() for each in found)


def test_two_files_with_one_name_are_refused(folder):
    with pytest.raises(InputError, match=r"would both be written to scored/a[.]csv"):
        find_inputs(["songs/a.csv", "songs/more"], output=Path("scored"))


def test_output_is_no_input(folder):
    found = find_inputs(["songs"], output=Path("songs/more"))
    assert [each.name for each in found] == ["a.csv", "b.jsonl"]
    for argument in ("songs/more/a.csv", "songs/more", "songs/more/deep"):
        with pytest.raises(InputError, match="is in the output"):
            find_inputs([argument], output=Path("songs/more"))


def test_folder_without_files_is_refused(folder):
    Path("empty").mkdir()
    with pytest.raises(
        InputError, match=r"has no file to score; one of [.]parquet, [.]csv, [.]jsonl"
    ):
        find_inputs(["empty"], output=Path("scored"))
