"""A file that cannot be written is refused before any work."""

import argparse
import os
from pathlib import Path

import pytest
from emotion_command.output_file import output_file


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.json").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["new.json", "file.json", "folder/new.json", "./-"])
def test_output_file_that_can_be_written_is_a_path(name, folder):
    assert output_file(name) == Path(name)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        pytest.param("folder", "folder is a folder; name a file", id="folder"),
        pytest.param("no/a.json", "no does not exist; make it first", id="no-folder"),
        pytest.param("file.json/a", "file.json is not a folder; name another file", id="in-file"),
        pytest.param("a" * 300, f"{'a' * 300}: File name too long", id="too-long"),
        pytest.param("\x1bno/a", r"\x1bno does not exist; make it first", id="control-character"),
    ],
)
def test_output_file_that_cannot_be_written_is_refused(name, sentence, folder):
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        output_file(name)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(("name", "place"), [("file.json", "file.json"), ("new.json", ".")])
def test_output_file_without_permission_is_refused(name, place, folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: (path, mode) != (Path(place), os.W_OK))
    with pytest.raises(argparse.ArgumentTypeError) as caught:
        output_file(name)
    assert str(caught.value) == f"{name} cannot be written; name another file"
